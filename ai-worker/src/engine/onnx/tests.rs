//! The tests run the real model on the CPU. They need `make models`.

use common::model::default_folder;

use super::*;

const SIZES: Sizes = Sizes::doubling(4);
const SETTING: Setting = Setting {
    device: Device::Cpu,
    numbers: Numbers::Fp32,
    threads: 1,
    sizes: SIZES,
};

struct Model {
    environment: Environment,
    manifest: Manifest,
    graph: Vec<u8>,
}

impl Model {
    fn read() -> Self {
        let manifest = Manifest::read(&default_folder().join("efficientnet-lite0"))
            .expect("run `make models` first");
        let graph = manifest
            .require(&manifest.files.graph, "files.graph")
            .and_then(|file| manifest.verified(file));
        let library = default_folder().join("onnxruntime/libonnxruntime.so");
        let environment = Onnx::environment(&library).expect("run `make models` first");
        Self {
            environment,
            graph: graph.expect("the graph is whole"),
            manifest,
        }
    }

    fn load(&self, device: Device) -> Result<Onnx, LoadError> {
        Onnx::load(
            &self.environment,
            &self.manifest,
            &self.graph,
            Setting { device, ..SETTING },
        )
    }
}

#[test]
fn pinned_buffers_give_the_scores_of_the_images_in_them_and_of_no_others() {
    let mut onnx = Model::read().load(Device::Cpu).expect("loads");
    let images: Vec<Vec<u8>> = [10, 90, 160, 250]
        .map(|grey| vec![grey; onnx.image_bytes()])
        .to_vec();
    let batch = |which: &[usize]| {
        which
            .iter()
            .map(|n| images[*n].as_slice())
            .collect::<Vec<_>>()
    };
    // Each batch leaves its pixels in the buffer of its size.
    let batches = [
        batch(&[0, 1, 2, 3]),
        batch(&[3, 2, 1]),
        batch(&[2]),
        batch(&[1, 0]),
        batch(&[0, 3, 3]),
    ];
    let direct: Vec<_> = batches
        .iter()
        .map(|images| onnx.infer(images).expect("runs"))
        .collect();
    onnx.pin_last(&SIZES.warm(), Device::Cpu).expect("pins");
    for (images, direct) in batches.iter().zip(direct) {
        let pinned = onnx.infer(images).expect("runs");
        assert_eq!(pinned.len(), direct.len());
        assert!(
            pinned
                .iter()
                .zip(&direct)
                .all(|(a, b)| (a - b).abs() < 1e-5),
            "{} images",
            images.len()
        );
    }
    assert!(matches!(
        onnx.infer(&[images[0].as_slice(); 5]),
        Err(EngineError::Failed(_))
    ));
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let model = Model::read();
    for device in [Device::Cuda(0), Device::TensorRt(0)] {
        let error = model
            .load(device)
            .err()
            .expect("there is none in this build of ONNX Runtime")
            .to_string();
        assert!(
            error.contains(&format!("cannot be loaded on {device}")),
            "{error}"
        );
        assert!(error.contains("not enabled in this build"), "{error}");
    }
}

#[test]
fn work_that_another_provider_did_is_found_out() {
    let model = Model::read();
    let folder = tempfile::tempdir().expect("a folder");
    let mut onnx = model.load(Device::Cpu).expect("loads");
    let mut profiled = || {
        let input = model.manifest.input.as_ref().expect("a tagger has one");
        let shapes = Shapes::new(input, SIZES.max());
        let source = GraphFile {
            environment: &model.environment,
            graph: &model.graph,
            setting: SETTING,
        };
        onnx.parts[0].session = source.open(&shapes, Some(folder.path())).expect("loads");
        onnx.verify_placement(Device::Cuda(0))
    };
    let Err(Misplaced::Unused { provider, ran }) = profiled() else {
        panic!("all of it ran on the CPU")
    };
    assert_eq!(provider, "CUDAExecutionProvider");
    assert!(ran.starts_with("CPUExecutionProvider ran "), "{ran}");
}
