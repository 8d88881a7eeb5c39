//! HMAC-SHA256 over `id.timestamp.body`, by every secret there is.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::WebhookConfig;

pub struct Signer {
    secrets: Vec<String>,
    first_pause_ms: u64,
}

impl Signer {
    pub fn new(config: &WebhookConfig) -> Option<Self> {
        if config.webhook_secrets.is_empty() {
            return None;
        }
        Some(Self {
            secrets: config.webhook_secrets.clone(),
            first_pause_ms: config.webhook_pause_ms,
        })
    }

    /// Returns the pause after the first try that failed.
    pub fn first_pause_ms(&self) -> u64 {
        self.first_pause_ms
    }

    pub fn headers(
        &self,
        tenant: &str,
        id: &str,
        now_s: u64,
        body: &str,
    ) -> [(&'static str, String); 4] {
        let signed = format!("{id}.{now_s}.{body}");
        let signature = |secret: &String| {
            let mac = mac(&derived(secret, tenant), signed.as_bytes());
            format!("v1,{}", BASE64_STANDARD.encode(mac))
        };
        let signatures: Vec<_> = self.secrets.iter().map(signature).collect();
        [
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", now_s.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ]
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

/// A tenant's own: it says nothing of another one's.
pub fn derived(secret: &str, tenant: &str) -> Vec<u8> {
    mac(secret.as_bytes(), format!("webhook:{tenant}").as_bytes())
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn signs_as_the_standard_does() {
        let key = BASE64_STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .expect("base64");
        let mac = mac(
            &key,
            b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}",
        );
        assert_eq!(
            BASE64_STANDARD.encode(mac),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn both_secrets_sign_during_a_rotation_and_tenants_differ() {
        let signer = Signer {
            secrets: vec!["new".into(), "old".into()],
            first_pause_ms: 0,
        };
        let one = signer.headers("shop", "msg_1", 7, "{}");
        let signatures: Vec<_> = one[3].1.split(' ').collect();
        assert!(
            signatures.len() == 2
                && signatures
                    .iter()
                    .all(|signature| signature.starts_with("v1,"))
        );
        assert_ne!(signer.headers("other", "msg_1", 7, "{}")[3], one[3]);
        assert!(!format!("{signer:?}").contains("old"));
    }
}
