//! Input and output of a GPU: one buffer for each size of batch, in memory
//! that the GPU copies from by itself.

use ort::{
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::{IoBinding, Session},
    value::Tensor,
};

use super::{Device, onnx::Setting};

/// Buffers for every size in which a batch is run.
pub struct Bound {
    input: String,
    output: String,
    /// The smallest first.
    buffers: Vec<Buffer>,
}

struct Buffer {
    n: usize,
    /// `[n, height, width, 3] u8`; what a smaller batch leaves of it holds old pixels.
    images: Tensor<u8>,
    binding: IoBinding,
}

impl Bound {
    /// `shape` is that of one image: height, width and 3.
    pub fn new(
        session: &Session,
        (input, output): (&str, &str),
        shape: [usize; 3],
        setting: Setting,
    ) -> ort::Result<Self> {
        let device = setting.device;
        let memory = |kind| MemoryInfo::new(host_memory(device), device.id(), AllocatorType::Device, kind);
        let allocator = Allocator::new(session, memory(MemoryType::CPUInput)?)?;
        let buffer = |n: usize| -> ort::Result<Buffer> {
            let [height, width, channels] = shape.map(|side| side as i64);
            let images = Tensor::<u8>::new(&allocator, [n as i64, height, width, channels])?;
            let mut binding = session.create_binding()?;
            binding.bind_output_to_device(output, &memory(MemoryType::CPUOutput)?)?;
            Ok(Buffer { n, images, binding })
        };
        let buffers = setting.sizes.warm().into_iter().map(buffer).collect::<ort::Result<_>>()?;
        Ok(Self { input: input.to_owned(), output: output.to_owned(), buffers })
    }

    /// Answers the scores of `images`, and of nothing else that is in the buffer.
    pub fn run(&mut self, session: &mut Session, images: &[&[u8]]) -> ort::Result<Vec<f32>> {
        let fits = |buffer: &&mut Buffer| buffer.n >= images.len();
        let none = || ort::Error::new(format!("no buffer holds {} images", images.len()));
        let buffer = self.buffers.iter_mut().find(fits).ok_or_else(none)?;
        let (_, pixels) = buffer.images.try_extract_tensor_mut()?;
        let places = pixels.chunks_exact_mut(pixels.len() / buffer.n);
        places.zip(images).for_each(|(place, image)| place.copy_from_slice(image));
        // Binding is what copies to the device, so it is done for every run.
        buffer.binding.bind_input(self.input.as_str(), &buffer.images)?;
        let outputs = session.run_binding(&buffer.binding)?;
        let (_, scores) = outputs[self.output.as_str()].try_extract_tensor::<f32>()?;
        Ok(scores[..scores.len() / buffer.n * images.len()].to_vec())
    }
}

fn host_memory(device: Device) -> AllocationDevice<'static> {
    if device.is_gpu() { AllocationDevice::CUDA_PINNED } else { AllocationDevice::CPU }
}
