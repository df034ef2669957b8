//! A certificate whose signatures are all of one length.

use std::sync::Arc;

use rtc::crypto::{self, CryptoError, PublicKey, SignatureScheme, SigningKey};
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};

use super::PeerError;

const SCHEME: SignatureScheme = SignatureScheme::EcdsaP256Sha256;
/// Two numbers of 32 bytes in DER (RFC 3279 section 2.2.3), one of them with its top bit set. Of
/// random signatures every second is so long; the others are a byte or more shorter or longer.
const SIGNATURE_LENGTH: usize = 71;
/// With a key that is random enough, all of these fail once in 2^100 times.
const MOST_ATTEMPTS: usize = 100;

/// Signs again until the length is right.
struct EvenKey(Arc<dyn SigningKey>);

impl SigningKey for EvenKey {
    fn supports(&self, scheme: SignatureScheme) -> bool {
        scheme == SCHEME
    }

    fn public_key(&self) -> PublicKey<'_> {
        self.0.public_key()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = self.0.sign(scheme, message)?;
        for _ in 0..MOST_ATTEMPTS {
            if signature.len() == SIGNATURE_LENGTH {
                break;
            }
            signature = self.0.sign(scheme, message)?;
        }
        Ok(signature)
    }
}

/// A new one. It is as good as any other, and takes a few signatures more.
///
/// # Errors
/// When the library makes none.
pub(super) fn even_certificate() -> Result<RTCCertificate, PeerError> {
    make().map_err(|error| PeerError::Failed(error.to_string()))
}

fn make() -> Result<RTCCertificate, Box<dyn std::error::Error>> {
    let provider = crypto::default_provider()?;
    let key = provider.crypto().generate_signing_key(SCHEME)?;
    let mut params = CertificateParams::new(vec!["twocan".to_owned()])?;
    // Otherwise a hash of the key, and now and then a byte shorter.
    params.serial_number = Some(1_u64.into());
    let key = Arc::new(EvenKey(key));
    Ok(RTCCertificate::generate_from_signing_key(
        params, SCHEME, key,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_of_one_length() {
        let provider = crypto::default_provider().expect("a provider");
        let key = provider.crypto().generate_signing_key(SCHEME);
        let key = EvenKey(key.expect("a key"));
        for message in 0..50_u8 {
            let signature = key.sign(SCHEME, &[message]).expect("a signature");
            assert_eq!(signature.len(), SIGNATURE_LENGTH);
        }
    }
}
