//! Input of a GPU: one buffer for each size of batch, in memory that the GPU
//! copies from by itself.

use ort::{
    inputs,
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::Session,
    value::Tensor,
};

use super::device::Device;

/// Buffers for the sizes in which one session is run.
///
/// They are handed to a run as they are. An `IoBinding` between would save
/// nothing, since scores are wanted on the host; and with the output bound to
/// pinned memory as well, ONNX Runtime 1.31 fails on an H200.
pub struct Pinned {
    input: String,
    output: String,
    /// The smallest first.
    buffers: Vec<Buffer>,
}

struct Buffer {
    n: usize,
    /// `[n, height, width, 3] u8`; what a smaller batch leaves of it holds old pixels.
    images: Tensor<u8>,
}

impl Pinned {
    /// Makes a buffer for each size. `shape` is that of one image: height, width and 3.
    pub fn new(
        session: &Session,
        (input, output): (&str, &str),
        shape: [usize; 3],
        sizes: &[usize],
        device: Device,
    ) -> ort::Result<Self> {
        let memory = MemoryInfo::new(
            host_memory(device),
            device.id(),
            AllocatorType::Device,
            MemoryType::CPUInput,
        )?;
        let allocator = Allocator::new(session, memory)?;
        let buffer = |&n: &usize| -> ort::Result<Buffer> {
            let [height, width, channels] = shape.map(|side| side as i64);
            Ok(Buffer {
                n,
                images: Tensor::<u8>::new(&allocator, [n as i64, height, width, channels])?,
            })
        };
        let buffers = sizes.iter().map(buffer).collect::<ort::Result<_>>()?;
        Ok(Self {
            input: input.to_owned(),
            output: output.to_owned(),
            buffers,
        })
    }

    /// Returns the scores of `images`, and of nothing else that is in the buffer.
    pub fn run(&mut self, session: &mut Session, images: &[&[u8]]) -> ort::Result<Vec<f32>> {
        let fits = |buffer: &&mut Buffer| buffer.n >= images.len();
        let none = || ort::Error::new(format!("no buffer holds {} images", images.len()));
        let buffer = self.buffers.iter_mut().find(fits).ok_or_else(none)?;
        let (_, pixels) = buffer.images.try_extract_tensor_mut()?;
        let places = pixels.chunks_exact_mut(pixels.len() / buffer.n);
        for (place, image) in places.zip(images) {
            place.copy_from_slice(image);
        }
        let outputs = session.run(inputs![self.input.as_str() => &buffer.images])?;
        let (_, scores) = outputs[self.output.as_str()].try_extract_tensor::<f32>()?;
        Ok(scores[..scores.len() / buffer.n * images.len()].to_vec())
    }
}

fn host_memory(device: Device) -> AllocationDevice<'static> {
    if device.is_gpu() {
        AllocationDevice::CUDA_PINNED
    } else {
        AllocationDevice::CPU
    }
}
