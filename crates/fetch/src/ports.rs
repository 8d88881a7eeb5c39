//! The ports that an image's URL may name.

use std::{num::ParseIntError, str::FromStr};

/// Where web servers listen.
const USUAL: [u16; 4] = [80, 443, 8080, 8443];

/// Read from `9000,9001`, which adds to the usual ones, or from `=80,443`, which takes their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<u16>);

impl Ports {
    pub fn all(&self) -> &[u16] {
        &self.0
    }
}

impl FromStr for Ports {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (mut ports, named) = match text.strip_prefix('=') {
            Some(all) => (Vec::new(), all),
            None => (USUAL.to_vec(), text),
        };
        for port in named
            .split(',')
            .map(str::trim)
            .filter(|port| !port.is_empty())
        {
            ports.push(port.parse()?);
        }
        Ok(Self(ports))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Option<Vec<u16>> {
        let ports: Ports = text.parse().ok()?;
        Some(ports.all().to_vec())
    }

    #[test]
    fn ports_are_added_unless_they_are_all_there_are() {
        assert_eq!(ports(""), Some(USUAL.to_vec()));
        assert_eq!(ports("9000"), Some(vec![80, 443, 8080, 8443, 9000]));
        assert_eq!(ports("=80, 443"), Some(vec![80, 443]));
        assert_eq!(
            ports("="),
            Some(vec![]),
            "which is an error of the settings"
        );
        assert_eq!((ports("http"), ports("70000")), (None, None));
    }
}
