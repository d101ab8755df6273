GatewayCommand.main()
