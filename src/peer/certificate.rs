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

/// A certificate for all lines of one call, whose fingerprint is known before any of them is made. Its
/// signatures are all of one length: on virtual time the same seed is to give packets of the same size.
/// It is as good as any other, and takes a few signatures more.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(super) own: RTCCertificate,
    sha256: [u8; 32],
}

impl Certificate {
    /// A new one.
    ///
    /// # Errors
    /// When the library makes none.
    pub fn new() -> Result<Self, PeerError> {
        let failed = |error: Box<dyn std::error::Error>| PeerError::Failed(error.to_string());
        let own = make().map_err(failed)?;
        let sha256 = sha256_of(&own).map_err(failed)?;
        Ok(Self { own, sha256 })
    }

    /// Its fingerprint (RFC 8122).
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

fn sha256_of(certificate: &RTCCertificate) -> Result<[u8; 32], Box<dyn std::error::Error>> {
    let provider = crypto::default_provider()?;
    let fingerprints = certificate.get_fingerprints(provider.crypto())?;
    let sha256 = fingerprints
        .into_iter()
        .find(|fingerprint| fingerprint.algorithm.eq_ignore_ascii_case("sha-256"))
        .ok_or("a certificate without a SHA-256")?;
    let hex = sha256.value.replace(':', "").to_ascii_uppercase();
    let bytes = data_encoding::HEXUPPER.decode(hex.as_bytes())?;
    Ok(bytes
        .try_into()
        .map_err(|_| "a SHA-256 of another length")?)
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
    fn every_certificate_is_another() {
        let [first, second] = [0, 1].map(|_| Certificate::new().expect("a certificate"));
        assert_ne!(first.sha256(), second.sha256());
        assert_eq!(first.clone().sha256(), first.sha256());
    }

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
