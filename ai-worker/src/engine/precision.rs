//! Which of a model's graphs is run: they are one network in different numbers.

use clap::ValueEnum;

use super::{Numbers, device::Device};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// 8 bits on a processor that has instructions for them, half precision on a GPU, where the model comes in it
    Auto,
    /// Single precision everywhere
    Full,
}

impl Precision {
    pub fn on(self, device: Device) -> Numbers {
        match self {
            Precision::Full => Numbers::Fp32,
            Precision::Auto if device.is_gpu() => Numbers::Fp16,
            Precision::Auto if has_integer_products() => Numbers::Int8,
            Precision::Auto => Numbers::Fp32,
        }
    }
}

/// Returns whether the processor has them. Without these, products of bytes are summed in 16 bits, where they overflow,
/// and little is gained by them.
fn has_integer_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_fit_the_device() {
        assert_eq!(Precision::Auto.on(Device::Cuda(0)), Numbers::Fp16);
        assert_eq!(Precision::Auto.on(Device::TensorRt(1)), Numbers::Fp16);
        let on_cpu = if has_integer_products() {
            Numbers::Int8
        } else {
            Numbers::Fp32
        };
        assert_eq!(Precision::Auto.on(Device::Cpu), on_cpu);
        for device in [Device::Cpu, Device::Cuda(0)] {
            assert_eq!(Precision::Full.on(device), Numbers::Fp32);
        }
    }
}
