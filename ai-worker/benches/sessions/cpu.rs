//! Sessions on all cores.

use std::error::Error;

use ort::{
    ep, inputs,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};

use super::{Contender, Model, Run, pixels};

#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    sessions: usize,
    threads: usize,
    batch: usize,
    level: GraphOptimizationLevel,
    spinning: bool,
    arena: bool,
    pattern: bool,
    denormals: bool,
}

/// What the worker does on two cores, but for the batch.
const USED: Setting = Setting {
    name: "used",
    sessions: 2,
    threads: 1,
    batch: 1,
    level: GraphOptimizationLevel::All,
    spinning: true,
    arena: true,
    pattern: true,
    denormals: true,
};

const SETTINGS: [Setting; 13] = [
    USED,
    Setting {
        name: "batch_4",
        batch: 4,
        ..USED
    },
    Setting {
        name: "flush_denormals",
        denormals: false,
        ..USED
    },
    Setting {
        name: "no_arena",
        arena: false,
        ..USED
    },
    Setting {
        name: "no_pattern",
        pattern: false,
        ..USED
    },
    Setting {
        name: "no_arena_no_pattern",
        arena: false,
        pattern: false,
        ..USED
    },
    Setting {
        name: "level_none",
        level: GraphOptimizationLevel::Disable,
        ..USED
    },
    Setting {
        name: "level_basic",
        level: GraphOptimizationLevel::Level1,
        ..USED
    },
    Setting {
        name: "level_extended",
        level: GraphOptimizationLevel::Level2,
        ..USED
    },
    Setting {
        name: "wide_spinning",
        sessions: 1,
        threads: 2,
        ..USED
    },
    Setting {
        name: "wide_sleeping",
        sessions: 1,
        threads: 2,
        spinning: false,
        ..USED
    },
    // Twice as many threads as cores, as when something else wants to run as well.
    Setting {
        name: "crowded_spinning",
        sessions: 2,
        threads: 2,
        ..USED
    },
    Setting {
        name: "crowded_sleeping",
        sessions: 2,
        threads: 2,
        spinning: false,
        ..USED
    },
];

/// The worker's own setting is the first.
pub fn contenders(model: &Model) -> Result<Vec<Contender<'_>>, Box<dyn Error>> {
    let contender = |setting: Setting| -> Result<Contender<'_>, Box<dyn Error>> {
        let graph = model.graph(&model.manifest.files.graph)?;
        let open = Box::new(move || open(model, &graph, setting));
        Ok(Contender {
            name: setting.name,
            sessions: setting.sessions,
            batch: setting.batch,
            open,
        })
    };
    SETTINGS.into_iter().map(contender).collect()
}

fn open(model: &Model, graph: &[u8], setting: Setting) -> ort::Result<Run> {
    let mut builder = Session::builder(&model.environment)?
        .with_optimization_level(setting.level)?
        .with_intra_threads(setting.threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(setting.spinning)?
        .with_memory_pattern(setting.pattern)?
        .with_execution_providers([ep::CPU::default()
            .with_arena_allocator(setting.arena)
            .build()])?;
    if !setting.denormals {
        builder = builder.with_flush_to_zero()?;
    }
    let mut session = builder.commit_from_memory(graph)?;
    let input = model.names().0.to_owned();
    let [height, width, channels] = model.shape();
    let shape = [setting.batch, height, width, channels];
    let pixels = pixels(shape.iter().product());
    Ok(Box::new(move || {
        session.run(
            inputs![input.as_str() => TensorRef::from_array_view((shape, pixels.as_slice()))?],
        )?;
        Ok(())
    }))
}
