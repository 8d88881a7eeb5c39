//! How far a process has confined itself: what it tells its parent before it gets a file, and what the parent makes
//! of it.

use std::{
    io::{self, Write},
    sync::Once,
};

use tokio::io::{AsyncRead, AsyncReadExt};

const FULL: u8 = b'f';
const WITHOUT_LANDLOCK: u8 = b'l';
const MISSING: u8 = b'm';

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confinement {
    Full,
    /// By the filter of system calls and the limits alone, which suffices: older kernels have no Landlock.
    WithoutLandlock(String),
    /// Something that nothing else stands in for, and why.
    Missing(String),
}

impl Confinement {
    /// A byte, the length of the reason in two, and the reason.
    pub fn tell(&self, to: &mut impl Write) -> io::Result<()> {
        let (kind, why) = match self {
            Self::Full => (FULL, ""),
            Self::WithoutLandlock(why) => (WITHOUT_LANDLOCK, why.as_str()),
            Self::Missing(why) => (MISSING, why.as_str()),
        };
        let length = u16::try_from(why.len()).map_err(io::Error::other)?;
        let word = [&[kind], &length.to_be_bytes()[..], why.as_bytes()].concat();
        to.write_all(&word)?;
        to.flush()
    }

    pub async fn hear(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let kind = from.read_u8().await?;
        let mut why = vec![0; from.read_u16().await?.into()];
        from.read_exact(&mut why).await?;
        let why = String::from_utf8_lossy(&why).into_owned();
        match kind {
            FULL => Ok(Self::Full),
            WITHOUT_LANDLOCK => Ok(Self::WithoutLandlock(why)),
            MISSING => Ok(Self::Missing(why)),
            _ => Err(io::Error::other(
                "the process that reads files is of another version",
            )),
        }
    }

    /// Says once in the log what is less than could be, and refuses what is too little.
    pub fn accept(&self, allow_unconfined: bool) -> io::Result<()> {
        static TOLD: Once = Once::new();
        match self {
            Self::Full => {}
            Self::WithoutLandlock(why) => TOLD.call_once(|| {
                tracing::info!(why, "this kernel has no Landlock; processes that read files are confined by a filter of system calls alone");
            }),
            Self::Missing(why) if allow_unconfined => TOLD.call_once(|| {
                tracing::warn!(why, "processes that read strangers' files are not confined, as --allow-unconfined-decoders permits");
            }),
            Self::Missing(why) => return Err(io::Error::other(Unconfined(why.clone()))),
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "a process that reads strangers' files cannot confine itself: {0}. It needs Linux on x86-64 or ARM64 with seccomp \
     filters, and a container profile that permits `seccomp` and `prctl`. --allow-unconfined-decoders does without, and \
     then a hostile image that takes its decoder over has this service's files and network"
)]
struct Unconfined(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_is_heard() {
        for told in [
            Confinement::Full,
            Confinement::WithoutLandlock("old".to_owned()),
            Confinement::Missing("no seccomp".to_owned()),
        ] {
            let mut word = Vec::new();
            told.tell(&mut word).expect("fits");
            assert_eq!(
                Confinement::hear(&mut &word[..]).await.expect("whole"),
                told
            );
            assert!(Confinement::hear(&mut &word[..2]).await.is_err());
        }
        assert!(Confinement::hear(&mut &b"r\0\0"[..]).await.is_err());
    }

    #[test]
    fn what_is_missing_is_accepted_only_if_allowed() {
        let missing = Confinement::Missing("no seccomp".to_owned());
        let error = missing.accept(false).expect_err("too little").to_string();
        assert!(error.contains("no seccomp"), "{error}");
        assert!(error.contains("--allow-unconfined-decoders"), "{error}");
        assert!(missing.accept(true).is_ok());
        let older = Confinement::WithoutLandlock("old".to_owned());
        assert!(older.accept(false).is_ok());
    }
}
