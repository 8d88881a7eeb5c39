//! Sessions on one GPU, with the worker's own pinned buffers.

use std::error::Error;

use ai_worker::engine::{Device, Pinned};
use ort::{
    ep::{self, ArenaExtendStrategy, cuda::ConvAlgorithmSearch},
    inputs,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};

use super::{Contender, Model, Run, pixels};

#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    sessions: usize,
    batch: usize,
    half_precision: bool,
    search: fn() -> ConvAlgorithmSearch,
    arena: fn() -> ArenaExtendStrategy,
    channels_last: bool,
    pinned: bool,
}

/// What the worker does.
const USED: Setting = Setting {
    name: "used",
    sessions: 3,
    batch: 64,
    half_precision: true,
    search: || ConvAlgorithmSearch::Exhaustive,
    arena: || ArenaExtendStrategy::SameAsRequested,
    channels_last: true,
    pinned: true,
};

const SETTINGS: [Setting; 13] = [
    USED,
    Setting {
        name: "one_session",
        sessions: 1,
        ..USED
    },
    Setting {
        name: "two_sessions",
        sessions: 2,
        ..USED
    },
    Setting {
        name: "four_sessions",
        sessions: 4,
        ..USED
    },
    Setting {
        name: "batch_16",
        batch: 16,
        ..USED
    },
    Setting {
        name: "batch_32",
        batch: 32,
        ..USED
    },
    Setting {
        name: "batch_128",
        batch: 128,
        ..USED
    },
    Setting {
        name: "channels_first",
        channels_last: false,
        ..USED
    },
    Setting {
        name: "full_precision",
        half_precision: false,
        channels_last: false,
        ..USED
    },
    Setting {
        name: "search_heuristic",
        search: || ConvAlgorithmSearch::Heuristic,
        ..USED
    },
    Setting {
        name: "search_default",
        search: || ConvAlgorithmSearch::Default,
        ..USED
    },
    Setting {
        name: "arena_doubles",
        arena: || ArenaExtendStrategy::NextPowerOfTwo,
        ..USED
    },
    Setting {
        name: "not_pinned",
        pinned: false,
        ..USED
    },
];

/// The worker's own setting is the first.
pub fn contenders(model: &Model, device: Device) -> Result<Vec<Contender<'_>>, Box<dyn Error>> {
    let contender = |setting: Setting| -> Result<Contender<'_>, Box<dyn Error>> {
        let files = &model.manifest.files;
        let graph = model.graph(if setting.half_precision {
            &files.graph_fp16
        } else {
            &files.graph
        })?;
        let open = Box::new(move || open(model, &graph, device, setting));
        Ok(Contender {
            name: setting.name,
            sessions: setting.sessions,
            batch: setting.batch,
            open,
        })
    };
    SETTINGS.into_iter().map(contender).collect()
}

fn open(model: &Model, graph: &[u8], device: Device, setting: Setting) -> ort::Result<Run> {
    let cuda = ep::CUDA::default()
        .with_device_id(device.id())
        .with_conv_algorithm_search((setting.search)())
        .with_arena_extend_strategy((setting.arena)())
        .with_prefer_nhwc(setting.channels_last);
    let mut session = Session::builder(&model.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_execution_providers([cuda.build().error_on_failure()])?
        .commit_from_memory(graph)?;
    let image = pixels(model.shape().iter().product());
    if !setting.pinned {
        let input = model.names().0.to_owned();
        let [height, width, channels] = model.shape();
        let shape = [setting.batch, height, width, channels];
        return Ok(Box::new(move || {
            // As it would be with the images of a batch, which come one by one.
            let joined = image.repeat(setting.batch);
            session.run(inputs![input.as_str() => TensorRef::from_array_view((shape, joined.as_slice()))?]).map(drop)
        }));
    }
    let mut pinned = Pinned::new(
        &session,
        model.names(),
        model.shape(),
        &[setting.batch],
        device,
    )?;
    Ok(Box::new(move || {
        let images = vec![image.as_slice(); setting.batch];
        pinned.run(&mut session, &images).map(drop)
    }))
}
