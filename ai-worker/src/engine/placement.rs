//! Finds out where the parts of a graph really ran. ONNX Runtime runs what a provider
//! does not take on the CPU and says nothing; its profile of a run does.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::device::Device;

/// The operators that make up a model's time. Around them a few small ones may
/// well stay on the CPU.
const HEAVY: [&str; 6] = ["Conv", "Gemm", "MatMul", "Attention", "GRU", "LSTM"];
const CPU: &str = "CPUExecutionProvider";

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    #[error("the profile of a run cannot be read: {0}")]
    Profile(String),
    #[error("{provider} ran none of it; {ran}")]
    Unused { provider: &'static str, ran: String },
    #[error("{operators} ran on the CPU")]
    OnCpu { operators: String },
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    cat: String,
    #[serde(default)]
    args: Node,
}

#[derive(Default, Deserialize)]
struct Node {
    #[serde(default)]
    op_name: String,
    #[serde(default)]
    provider: String,
}

impl Node {
    fn is_heavy(&self) -> bool {
        HEAVY.iter().any(|heavy| self.op_name.contains(heavy))
    }
}

/// Fails unless `device` did the work of the run that `profile` tells of.
pub fn verify(profile: &Path, device: Device) -> Result<(), Misplaced> {
    let unreadable = |error: &dyn std::fmt::Display| Misplaced::Profile(error.to_string());
    let text = std::fs::read(profile).map_err(|error| unreadable(&error))?;
    let events: Vec<Event> = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
    let nodes = events
        .into_iter()
        .filter(|event| event.cat == "Node" && !event.args.provider.is_empty());
    judge(&nodes.map(|event| event.args).collect::<Vec<_>>(), device)
}

fn judge(nodes: &[Node], device: Device) -> Result<(), Misplaced> {
    let provider = device.provider();
    let mut by_provider = BTreeMap::<&str, usize>::new();
    for node in nodes {
        *by_provider.entry(&node.provider).or_default() += 1;
    }
    if !by_provider.contains_key(provider) {
        let ran: Vec<_> = by_provider
            .iter()
            .map(|(provider, nodes)| format!("{provider} ran {nodes} nodes"))
            .collect();
        return Err(Misplaced::Unused {
            provider,
            ran: ran.join(", "),
        });
    }
    let strays = strays(nodes);
    if device.is_gpu() && !strays.is_empty() {
        return Err(Misplaced::OnCpu {
            operators: strays.join(", "),
        });
    }
    tracing::info!(%device, ?by_provider, "where the model's nodes run");
    Ok(())
}

/// Returns the heavy operators that the CPU ran, each once.
fn strays(nodes: &[Node]) -> Vec<&str> {
    let mut strays: Vec<_> = nodes
        .iter()
        .filter(|node| node.provider == CPU && node.is_heavy())
        .map(|node| node.op_name.as_str())
        .collect();
    strays.sort_unstable();
    strays.dedup();
    strays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op_name: &str, provider: &str) -> Node {
        Node {
            op_name: op_name.into(),
            provider: provider.into(),
        }
    }

    #[test]
    fn only_the_device_that_was_asked_for_may_do_the_work() {
        let cuda = "CUDAExecutionProvider";
        let fine = [
            node("Conv", cuda),
            node("Shape", CPU),
            node("MemcpyToHost", cuda),
        ];
        assert_eq!(judge(&fine, Device::Cuda(0)), Ok(()));
        assert!(matches!(
            judge(&fine, Device::TensorRt(0)),
            Err(Misplaced::Unused { .. })
        ));
        let stray = [node("Conv", cuda), node("QLinearConv", CPU)];
        assert_eq!(
            judge(&stray, Device::Cuda(0)),
            Err(Misplaced::OnCpu {
                operators: "QLinearConv".into()
            })
        );
        assert_eq!(judge(&[node("Conv", CPU)], Device::Cpu), Ok(()));
        let said = judge(&[node("Conv", CPU), node("Add", CPU)], Device::Cuda(0))
            .expect_err("nothing ran there")
            .to_string();
        assert_eq!(
            said,
            "CUDAExecutionProvider ran none of it; CPUExecutionProvider ran 2 nodes"
        );
    }
}
