//! The balancer before the servers.

use crate::{chance::Chance, scenario::Balance};

#[derive(Debug)]
pub struct Edge {
    balance: Balance,
    /// Requests under way at each server.
    under_way: Vec<u32>,
    is_up: Vec<bool>,
    turn: usize,
}

impl Edge {
    pub fn new(balance: Balance, servers: usize) -> Self {
        Self {
            balance,
            under_way: vec![0; servers],
            is_up: vec![true; servers],
            turn: 0,
        }
    }

    /// Picks a server for a request; `None` where there is none.
    pub fn choose(&mut self, chance: &mut Chance) -> Option<usize> {
        let server = match self.balance {
            Balance::RoundRobin => self.next_in_turn(),
            Balance::Random => self.drawn(chance),
            Balance::LeastConnections => self.least_busy(),
            Balance::PowerOfTwo => {
                let one = self.drawn(chance)?;
                let other = self.drawn(chance)?;
                Some(if self.under_way[other] < self.under_way[one] {
                    other
                } else {
                    one
                })
            }
        }?;
        self.under_way[server] += 1;
        Some(server)
    }

    pub fn leave(&mut self, server: usize) {
        self.under_way[server] -= 1;
    }

    pub fn set_up(&mut self, server: usize, is_up: bool) {
        self.is_up[server] = is_up;
    }

    pub fn add_server(&mut self) {
        self.under_way.push(0);
        self.is_up.push(true);
    }

    fn next_in_turn(&mut self) -> Option<usize> {
        for _ in 0..self.is_up.len() {
            let server = self.turn;
            self.turn = (self.turn + 1) % self.is_up.len();
            if self.is_up[server] {
                return Some(server);
            }
        }
        None
    }

    fn drawn(&self, chance: &mut Chance) -> Option<usize> {
        let servers = self.is_up.len();
        let first = chance.below(servers);
        // Past those that are down: rare, and fair enough.
        (0..servers)
            .map(|step| (first + step) % servers)
            .find(|server| self.is_up[*server])
    }

    /// Equals take turns, as in HAProxy.
    fn least_busy(&mut self) -> Option<usize> {
        let servers = self.is_up.len();
        let mut best: Option<usize> = None;
        for step in 0..servers {
            let server = (self.turn + step) % servers;
            if self.is_up[server]
                && best.is_none_or(|best| self.under_way[server] < self.under_way[best])
            {
                best = Some(server);
            }
        }
        self.turn = best.map_or(0, |best| (best + 1) % servers);
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(balance: Balance, count: usize) -> Vec<usize> {
        let mut edge = Edge::new(balance, 3);
        edge.set_up(1, false);
        let mut chance = Chance::seeded(3);
        let choose = |_| edge.choose(&mut chance).expect("two are up");
        (0..count).map(choose).collect()
    }

    #[test]
    fn nobody_is_sent_to_a_server_that_is_down() {
        assert_eq!(chosen(Balance::RoundRobin, 4), [0, 2, 0, 2]);
        assert_eq!(chosen(Balance::LeastConnections, 4), [0, 2, 0, 2]);
        for balance in [Balance::Random, Balance::PowerOfTwo] {
            let chosen = chosen(balance, 400);
            assert!(!chosen.contains(&1));
            assert!(chosen.contains(&0) && chosen.contains(&2));
        }
    }

    #[test]
    fn the_least_busy_is_chosen() {
        let mut edge = Edge::new(Balance::LeastConnections, 2);
        let mut chance = Chance::seeded(3);
        let mut choose = |edge: &mut Edge| edge.choose(&mut chance);
        assert_eq!((choose(&mut edge), choose(&mut edge)), (Some(0), Some(1)));
        edge.leave(1);
        assert_eq!(choose(&mut edge), Some(1));
    }
}
