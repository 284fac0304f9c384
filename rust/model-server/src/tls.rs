//! A certificate for this machine, made anew for each server.

use std::io;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What HTTP/2 is called when client and server agree on it.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// The certificate in PEM form, and what accepts connections with it.
pub(crate) fn certified() -> io::Result<(String, TlsAcceptor)> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|certificate| certificate.self_signed(&key))
        .map_err(io::Error::other)?;
    let chain = vec![certificate.der().clone()];
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            config
                .with_no_client_auth()
                .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        })
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok((certificate.pem(), TlsAcceptor::from(Arc::new(config))))
}
