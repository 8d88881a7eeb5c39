use serde::{Deserialize, Serialize};

/// How a job was run. A worker of before this was told says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which delivery of the job it was; 1 is the first, 0 is unknown.
    #[serde(default)]
    pub attempt: u32,
    /// Absent where the job did not come to its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchRun>,
}

/// The batch in which a job's image passed its model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRun {
    pub images: u32,
    /// Why it closed: `full`, `idle`, `age`, `deadline` or `drain`.
    pub closed: String,
}

impl Run {
    pub fn is_untold(&self) -> bool {
        *self == Self::default()
    }
}
