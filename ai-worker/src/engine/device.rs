//! What the model runs on. A device that was asked for and is missing is an
//! error: nothing falls back to the CPU.

use std::{fmt, str::FromStr};

use common::model::Input;
use ort::ep::{self, ArenaExtendStrategy, ExecutionProviderDispatch};

use super::{Numbers, Sizes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Cpu,
    Cuda(i32),
    TensorRt(i32),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of cpu, cuda, cuda:1, tensorrt and tensorrt:1")]
pub struct UnknownDevice(String);

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(text.to_owned());
        let (name, id) = match text.split_once(':') {
            Some((name, id)) => (
                name,
                id.parse::<u16>().map(i32::from).map_err(|_| unknown())?,
            ),
            None => (text, 0),
        };
        match name {
            "cpu" if text == "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(id)),
            "tensorrt" => Ok(Device::TensorRt(id)),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(id) => write!(f, "cuda:{id}"),
            Device::TensorRt(id) => write!(f, "tensorrt:{id}"),
        }
    }
}

impl Device {
    /// Returns its name without the number, as a manifest lists it.
    pub fn kind(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::TensorRt(_) => "tensorrt",
        }
    }

    pub fn is_gpu(self) -> bool {
        self != Device::Cpu
    }

    /// Returns the number of the GPU.
    pub fn id(self) -> i32 {
        match self {
            Device::Cpu => 0,
            Device::Cuda(id) | Device::TensorRt(id) => id,
        }
    }

    /// Returns how many engine threads it can use: one for each core; on a GPU one computes while the others
    /// copy and hand over.
    pub fn engine_threads(self, cores: usize) -> usize {
        if self.is_gpu() { 3 } else { cores }
    }

    pub fn max_batch(self) -> usize {
        if self.is_gpu() { 32 } else { 4 }
    }

    pub fn sizes(self, max_batch: usize) -> Sizes {
        if self.is_gpu() {
            Sizes::doubling(max_batch)
        } else {
            Sizes::any(max_batch)
        }
    }

    /// Returns the sizes of batch that share a session, the smallest first. ONNX Runtime plans cuDNN's convolutions for one shape
    /// and plans them anew whenever it changes: 2.5 to 4.6 s a run, measured on an H200. TensorRT's one plan is for all.
    pub fn sessions(self, sizes: Sizes) -> Vec<Vec<usize>> {
        match self {
            Device::Cuda(_) => sizes.warm().into_iter().map(|n| vec![n]).collect(),
            Device::Cpu | Device::TensorRt(_) => vec![sizes.warm()],
        }
    }

    /// Returns the folder below the models folder that holds its ONNX Runtime.
    pub fn runtime_folder(self) -> &'static str {
        if self.is_gpu() {
            "onnxruntime-gpu"
        } else {
            "onnxruntime"
        }
    }

    /// Returns ONNX Runtime's name for what has to do the work.
    pub fn provider(self) -> &'static str {
        match self {
            Device::Cpu => "CPUExecutionProvider",
            Device::Cuda(_) => "CUDAExecutionProvider",
            Device::TensorRt(_) => "TensorrtExecutionProvider",
        }
    }

    /// Returns them in order of preference; each fails where it cannot be had. The CPU's is always there.
    pub fn providers(self, numbers: Numbers, shapes: &Shapes) -> Vec<ExecutionProviderDispatch> {
        match self {
            Device::Cpu => Vec::new(),
            Device::Cuda(id) => vec![cuda(id, numbers)],
            // What TensorRT cannot run, CUDA does.
            Device::TensorRt(id) => vec![tensorrt(id, shapes), cuda(id, numbers)],
        }
    }
}

fn cuda(id: i32, numbers: Numbers) -> ExecutionProviderDispatch {
    ep::CUDA::default()
        .with_device_id(id)
        // The default doubles what it holds each time that it needs more.
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        // Channels last is how tensor cores take their numbers: 1.3 times the images (`make bench-sessions` on an H200).
        .with_prefer_nhwc(numbers == Numbers::Fp16)
        .build()
        .error_on_failure()
}

/// The shapes of a model's input, as TensorRT wants to know them before it
/// builds: one build then serves every size of batch.
#[derive(Clone, Debug)]
pub struct Shapes {
    input: String,
    height: u16,
    width: u16,
    max_batch: usize,
}

impl Shapes {
    pub fn new(input: &Input, max_batch: usize) -> Self {
        Self {
            input: input.name.clone(),
            height: input.tile.height,
            width: input.tile.width,
            max_batch,
        }
    }

    fn batch(&self, n: usize) -> String {
        format!("{}:{n}x{}x{}x3", self.input, self.height, self.width)
    }
}

fn tensorrt(id: i32, shapes: &Shapes) -> ExecutionProviderDispatch {
    ep::TensorRT::default()
        .with_device_id(id)
        .with_profile_min_shapes(shapes.batch(1))
        .with_profile_opt_shapes(shapes.batch(shapes.max_batch))
        .with_profile_max_shapes(shapes.batch(shapes.max_batch))
        .build()
        .error_on_failure()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_written() {
        for (text, device) in [
            ("cpu", Device::Cpu),
            ("cuda:0", Device::Cuda(0)),
            ("tensorrt:3", Device::TensorRt(3)),
        ] {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for wrong in [
            "", "gpu", "cpu:1", "cuda:", "cuda:x", "cuda:-1", "cuda:0:1", "CUDA",
        ] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }
}
