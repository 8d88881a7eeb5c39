//! Which processes play which part.

use std::str::FromStr;

use crate::cpu::Processes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Api,
    Worker,
    Broker,
    Bus,
}

/// `api=12,13`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePids {
    pub role: Role,
    pub pids: Vec<u32>,
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not of the form api=12,13; roles are api, worker, broker and bus")]
pub struct UnknownPids(String);

impl FromStr for RolePids {
    type Err = UnknownPids;

    fn from_str(text: &str) -> Result<Self, UnknownPids> {
        let unknown = || UnknownPids(text.to_owned());
        let (role, pids) = text.split_once('=').ok_or_else(unknown)?;
        let role = match role {
            "api" => Role::Api,
            "worker" => Role::Worker,
            "broker" => Role::Broker,
            "bus" => Role::Bus,
            _ => return Err(unknown()),
        };
        let pids: Result<Vec<u32>, _> = pids.split(',').map(str::parse).collect();
        Ok(Self {
            role,
            pids: pids.map_err(|_| unknown())?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Pids(pub Vec<RolePids>);

impl Pids {
    fn of(&self, role: Role) -> impl Iterator<Item = u32> {
        let of_role = self.0.iter().filter(move |one| one.role == role);
        of_role.flat_map(|one| one.pids.iter().copied())
    }

    /// Seconds that a role's processes have used themselves.
    pub fn alone_s(&self, role: Role, seen: &Processes) -> f64 {
        self.of(role).map(|pid| seen.alone_s(pid)).sum()
    }

    /// Seconds of what they started: decoders below an API server, the virtual machine below a broker's script.
    pub fn below_s(&self, role: Role, seen: &Processes) -> f64 {
        self.of(role).map(|pid| seen.descendants_s(pid)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_named_by_their_part() {
        let api: RolePids = "api=12,13".parse().expect("two processes");
        assert_eq!((api.role, api.pids), (Role::Api, vec![12, 13]));
        for wrong in ["api", "api=", "cook=1", "bus=1,x"] {
            assert!(wrong.parse::<RolePids>().is_err(), "{wrong}");
        }
    }
}
