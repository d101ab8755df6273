internal import SettingTypes

/// HTTP over TLS: where, and with what certificate.
struct HTTPSConfiguration: Sendable {
    let address: ListenAddress
    var certificate: HTTPSCertificate
    /// The files that were read.
    let files: [String]
}

extension HTTPSConfiguration {
    /// - Returns: `nil` if it is not wanted.
    init?(_ source: SettingSource) throws(ConfigurationError) {
        let address = try source.read(\.httpsAddress)
        let certificateFile = try source.read(\.httpsCertificateFile)
        let keyFile = try source.read(\.httpsKeyFile)
        guard let address else {
            guard certificateFile.isEmpty, keyFile.isEmpty else {
                throw ConfigurationError(
                    description: "there is a certificate for HTTPS, but no https.address (GATEWAY_HTTPS_ADDRESS)")
            }
            return nil
        }
        guard !certificateFile.isEmpty else {
            throw ConfigurationError(
                description: "\(source.name(of: Setting(\.httpsAddress))) needs https.certificateFile "
                    + "(GATEWAY_HTTPS_CERTIFICATE_FILE), and https.keyFile if the key is not in the same file")
        }
        self.address = address
        let key = keyFile.isEmpty ? certificateFile : keyFile
        files = keyFile.isEmpty ? [certificateFile] : [certificateFile, key]
        do throws(HTTPSCertificate.Failure) {
            certificate = try HTTPSCertificate(certificateFile: certificateFile, keyFile: key)
        } catch {
            throw ConfigurationError(description: "HTTPS: \(error)", missingFile: error.file)
        }
    }
}
