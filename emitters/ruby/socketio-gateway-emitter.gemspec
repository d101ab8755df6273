# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = "socketio-gateway-emitter"
  spec.version = File.read(File.join(__dir__, "lib/socketio_gateway.rb"))[/VERSION = "(.+)"/, 1]
  spec.summary = "Emits Socket.IO events from Ruby through socketio-gateway and RabbitMQ"
  spec.description = "Rooms, namespaces, acknowledgements, batches and bytes, over HTTP, without dependencies. What is lost on the way is sent once all the same."
  spec.authors = ["The authors of socketio-gateway"]
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.1"
  spec.files = ["lib/socketio_gateway.rb", "README.md", "LICENSE"]
  spec.metadata = { "rubygems_mfa_required" => "true" }
end
