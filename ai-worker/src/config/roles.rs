use clap::ValueEnum;

/// What a worker does with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Tags it. Who has no other role sends it on for its caption
    Tag,
    /// Writes its caption. Who has no other role loads no tagging model
    Caption,
}

/// How the roles fall to one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerMode {
    Both,
    Tags,
    Captions,
}

impl WorkerMode {
    /// Tells the mode of roles that are not empty.
    pub fn of(roles: &[Role]) -> Self {
        match (roles.contains(&Role::Tag), roles.contains(&Role::Caption)) {
            (true, false) => WorkerMode::Tags,
            (false, true) => WorkerMode::Captions,
            _ => WorkerMode::Both,
        }
    }
}
