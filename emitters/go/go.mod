module socketio-gateway/emitter

go 1.19
