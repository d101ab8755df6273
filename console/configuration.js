// configuration
