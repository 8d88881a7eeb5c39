//! Ports that are nobody else's. Test programs run side by side, and a broker
//! takes seconds from its start until it listens: a port that was free when it
//! was looked for may be taken by then.

use std::{
    fs::{self, File},
    net::TcpListener,
};

/// Below the range that the kernel takes for outgoing connections.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// A port of the loopback that no other test takes as long as this lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked; the kernel unlocks it however its process ends.
    _claim: File,
}

impl Port {
    pub fn reserve() -> Self {
        loop {
            let number = rand::random_range(RANGE);
            if let Some(claim) = claim(number)
                && TcpListener::bind(("127.0.0.1", number)).is_ok()
            {
                return Self {
                    number,
                    _claim: claim,
                };
            }
        }
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Locks the file that stands for a port, unless another test has.
fn claim(number: u16) -> Option<File> {
    let folder = std::env::temp_dir().join("tagfleet-test-ports");
    fs::create_dir_all(&folder).expect("a temporary folder can be made");
    let file = File::create(folder.join(number.to_string())).expect("the folder can be written");
    file.try_lock().is_ok().then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_given_to_nobody_else() {
        let port = Port::reserve();
        assert!(
            claim(port.number()).is_none(),
            "it is locked, though nothing listens there"
        );
        let number = port.number();
        drop(port);
        assert!(claim(number).is_some());
    }
}
