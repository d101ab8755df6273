// send
