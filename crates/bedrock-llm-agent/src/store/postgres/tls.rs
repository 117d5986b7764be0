//! TLS to the database.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::rows::Failure;

/// Trusts the system's authorities and these, in PEM.
pub(super) fn connector(authorities: &[u8]) -> Result<MakeRustlsConnect, Failure> {
    let unavailable = |error: rustls::Error| Failure::Unavailable(error.into());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for authority in CertificateDer::pem_slice_iter(authorities) {
        let authority = authority.map_err(|error| Failure::Unavailable(error.into()))?;
        roots.add(authority).map_err(unavailable)?;
    }
    // the process may have another provider as its default, or none
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unavailable)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
