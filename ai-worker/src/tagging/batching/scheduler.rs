//! All lines, and which of them an idle engine serves next: a state machine
//! over handed-in time, so that tests own the clock.

use std::time::Instant;

use common::queue::Priority;

use super::{
    Rules,
    closing::{Closed, Decision, Others},
    cost::{Cost, Fit},
    line::{BULK_SHARE, Line},
    sizes::Sizes,
};

/// One version of one model, as long as it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(u64);

#[derive(Debug)]
pub enum Step<T> {
    Run(Formed<T>),
    /// Look again then, or when something changes.
    Wait(Option<Instant>),
    End,
}

/// A batch that an engine is to run.
#[derive(Debug)]
pub struct Formed<T> {
    pub line: LineId,
    pub items: Vec<T>,
    pub closed: Closed,
    pub sizes: Sizes,
    pub fit: Fit,
}

/// What the desk knows of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    /// It never asked, or has ended.
    Away,
    Idle,
    RunsUntil(Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    Retired,
    Stopped,
}

#[derive(Debug)]
pub struct Desk<T> {
    lines: Vec<(LineId, Line<T>)>,
    opened: u64,
    /// Images that may wait, in all lines together.
    capacity: usize,
    engines: Vec<Engine>,
    /// Batches given while a line with nothing but bulk was ready.
    passed_over: usize,
    stopping: bool,
}

impl<T> Desk<T> {
    pub fn new(engines: usize, capacity: usize) -> Self {
        let engines = vec![Engine::Away; engines];
        Self {
            lines: Vec::new(),
            opened: 0,
            capacity,
            engines,
            passed_over: 0,
            stopping: false,
        }
    }

    pub fn open(&mut self, rules: Rules, cost: Cost) -> LineId {
        let id = LineId(self.opened);
        self.opened += 1;
        self.lines
            .push((id, Line::new(rules, cost, self.engines.len())));
        id
    }

    /// Lets a line run empty; it is forgotten then.
    pub fn retire(&mut self, id: LineId) {
        if let Some(line) = self.line(id) {
            line.draining = true;
        }
        self.forget_empty();
    }

    pub fn is_open(&self, id: LineId) -> bool {
        self.lines.iter().any(|(other, _)| *other == id)
    }

    pub fn push(
        &mut self,
        id: LineId,
        priority: Priority,
        item: T,
        deadline: Instant,
        now: Instant,
    ) -> Result<(), Refused> {
        if self.stopping {
            return Err(Refused::Stopped);
        }
        let full = self.len() >= self.capacity;
        let line = self
            .line(id)
            .filter(|line| !line.draining)
            .ok_or(Refused::Retired)?;
        if full {
            return Err(Refused::Full);
        }
        line.push(priority, item, deadline, now);
        Ok(())
    }

    pub fn engine_idle(&mut self, engine: usize) {
        self.engines[engine] = Engine::Idle;
    }

    /// What an idle engine should do now. After `Run` or `End` it is idle no more.
    pub fn step(&mut self, engine: usize, now: Instant) -> Step<T> {
        let others = self.others(engine, now);
        let decisions: Vec<_> = self
            .lines
            .iter()
            .map(|(_, line)| line.decide(others, now))
            .collect();
        let Some(turn) = self.choose(&decisions) else {
            if self.stopping && self.len() == 0 {
                self.engines[engine] = Engine::Away;
                return Step::End;
            }
            let waits = decisions
                .iter()
                .flatten()
                .filter_map(|decision| match decision {
                    Decision::Wait(until) => Some(*until),
                    Decision::Close(_) => None,
                });
            return Step::Wait(waits.min());
        };
        let formed = self.form(turn, decisions[turn]);
        self.engines[engine] =
            Engine::RunsUntil(now + formed.fit.run(formed.sizes, formed.items.len()));
        Step::Run(formed)
    }

    fn others(&self, engine: usize, now: Instant) -> Others {
        let mut free = None;
        for other in (0..self.engines.len()).filter(|other| *other != engine) {
            match self.engines[other] {
                Engine::Idle => return Others::Idle,
                Engine::RunsUntil(end) => {
                    free = free
                        .into_iter()
                        .chain([end.saturating_duration_since(now)])
                        .min()
                }
                Engine::Away => {}
            }
        }
        free.map_or(Others::Idle, Others::FreeIn)
    }

    /// Real-time before bulk, and each line in its turn: whoever was served goes
    /// to the end. A line with bulk alone is passed over a few times running at the most.
    fn choose(&mut self, decisions: &[Option<Decision>]) -> Option<usize> {
        let ready = |turn: &usize| matches!(decisions[*turn], Some(Decision::Close(_)));
        let urgent = |turn: &usize| self.lines[*turn].1.is_urgent();
        let ready: Vec<usize> = (0..decisions.len()).filter(ready).collect();
        let first_bulk = ready.iter().copied().find(|turn| !urgent(turn));
        let first_urgent = ready.iter().copied().find(urgent);
        match (first_urgent, first_bulk) {
            (Some(urgent), Some(_)) if self.passed_over + 1 < BULK_SHARE => {
                self.passed_over += 1;
                Some(urgent)
            }
            (urgent, bulk) => {
                self.passed_over = 0;
                bulk.or(urgent)
            }
        }
    }

    fn form(&mut self, turn: usize, decision: Option<Decision>) -> Formed<T> {
        let closed = match decision {
            Some(Decision::Close(closed)) => closed,
            _ => unreachable!("only lines that are ready are chosen"),
        };
        let (id, mut line) = self.lines.remove(turn);
        let items = line.take();
        let formed = Formed {
            line: id,
            items,
            closed,
            sizes: line.rules.sizes,
            fit: line.cost.fit(),
        };
        self.lines.push((id, line));
        self.forget_empty();
        formed
    }

    pub fn drop_hopeless(&mut self, gone: impl Fn(&T) -> bool, now: Instant) -> Vec<T> {
        let dropped = self
            .lines
            .iter_mut()
            .flat_map(|(_, line)| line.drop_hopeless(&gone, now))
            .collect();
        self.forget_empty();
        dropped
    }

    /// A run of `n` images took so long. Answers the limit if it was raised.
    pub fn ran(&mut self, id: LineId, n: usize, seconds: f64) -> Option<usize> {
        let line = self.line(id)?;
        line.cost.seen(line.rules.sizes.run(n), seconds);
        line.limit.went_well(n).then(|| line.limit.now())
    }

    /// `n` images were too many for the engine's memory. Answers the new limit.
    pub fn too_many(&mut self, id: LineId, n: usize) -> Option<usize> {
        let line = self.line(id)?;
        line.limit.lower(line.rules.sizes.half(n));
        Some(line.limit.now())
    }

    /// Lets engines empty the lines and end.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.lines
            .iter_mut()
            .for_each(|(_, line)| line.draining = true);
    }

    pub fn len(&self) -> usize {
        self.lines.iter().map(|(_, line)| line.len()).sum()
    }

    fn line(&mut self, id: LineId) -> Option<&mut Line<T>> {
        self.lines
            .iter_mut()
            .find(|(other, _)| *other == id)
            .map(|(_, line)| line)
    }

    fn forget_empty(&mut self) {
        self.lines
            .retain(|(_, line)| !line.draining || line.len() > 0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RULES: Rules = Rules {
        sizes: Sizes::doubling(64),
        max_wait: None,
    };
    const PATIENCE: Duration = Duration::from_secs(1);

    /// Images come every millisecond to a line whose runs cost 8 ms, few more for more images.
    fn desk(engines: usize, start: Instant) -> (Desk<u32>, LineId) {
        let mut desk = Desk::new(engines, 100);
        let line = desk.open(RULES, Cost::new(&[(1, 0.0081), (64, 0.0144)]));
        (0..engines).for_each(|engine| desk.engine_idle(engine));
        for before in (0..20).rev() {
            let now = start - Duration::from_millis(before);
            desk.push(line, Priority::Realtime, 0, now + PATIENCE, now)
                .expect("there is room");
        }
        assert!(matches!(desk.step(0, start), Step::Run(_)));
        (desk, line)
    }

    #[test]
    fn an_image_is_made_to_wait_only_while_every_other_engine_computes() {
        let start = Instant::now();
        let arrives = |desk: &mut Desk<u32>, line| {
            desk.push(line, Priority::Realtime, 1, start + PATIENCE, start)
                .expect("there is room");
            desk.step(1, start)
        };
        let (mut two, line) = desk(2, start);
        assert!(matches!(arrives(&mut two, line), Step::Wait(Some(until)) if until > start));
        let (mut three, line) = desk(3, start);
        assert!(
            matches!(arrives(&mut three, line), Step::Run(formed) if formed.closed == Closed::Idle)
        );
    }
}
