//! A key and its certificate in one file with a password (PKCS#12), as the network hands them out: it
//! knows that file's form, and must never know what the key is for.

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};

use crate::keys::SigningKey;
use crate::unionpay::certificate;
use crate::{SandboxError, pem};

/// As many rounds as the tools of the time used.
const ROUNDS: u32 = 2_048;

/// The file. Triple DES and SHA-1: the old schemes that the real files use and that readers must know.
pub(crate) fn write(key: &SigningKey, certificate_pem: &str, password: &str) -> Result<Vec<u8>, SandboxError> {
    let broken = |_| SandboxError::Crypto("writing a PKCS#12 file");
    let unusable = || SandboxError::Crypto("reading a key for a PKCS#12 file");
    let key = pem::decode("PRIVATE KEY", &key.to_pem()?).ok_or_else(unusable)?;
    let certificate = certificate::der(certificate_pem).ok_or_else(unusable)?;
    let chain = PrivateKeyChain::new(
        "1",
        PrivateKey::from_der(&key).map_err(broken)?,
        [Certificate::from_der(&certificate).map_err(broken)?],
    );
    let mut store = KeyStore::new();
    store.add_entry("merchant", KeyStoreEntry::PrivateKeyChain(chain));
    store
        .writer(password)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
        .encryption_iterations(ROUNDS)
        .mac_algorithm(MacAlgorithm::HmacSha1)
        .mac_iterations(ROUNDS)
        .write()
        .map_err(broken)
}

#[cfg(test)]
mod tests {
    use p12_keystore::Pkcs12ImportPolicy;

    use super::*;
    use crate::unionpay::certificate::Authority;

    #[test]
    fn the_file_gives_key_and_certificate_to_whoever_knows_the_password() {
        let key = SigningKey::generate().unwrap();
        let leaf = Authority::root("Sandbox ACS CA").unwrap().issue("041@Z@shop:SIGN@1", &key).unwrap();
        let file = write(&key, &leaf, "000000").unwrap();
        let store = KeyStore::from_pkcs12(&file, "000000", Pkcs12ImportPolicy::Strict).unwrap();
        let (_, chain) = store.private_key_chain().unwrap();
        assert_eq!(pem::encode("PRIVATE KEY", chain.key().as_der()), key.to_pem().unwrap());
        assert_eq!(chain.certs()[0].as_der(), certificate::der(&leaf).unwrap());
        assert!(KeyStore::from_pkcs12(&file, "111111", Pkcs12ImportPolicy::Strict).is_err());
    }
}
