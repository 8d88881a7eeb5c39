//! Which rows of a table of unit vectors are near each other: each is compared with every other, exactly.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use ndarray::{ArrayView2, s};

use super::groups::Groups;

/// Rows that are compared with as many others at once: their products stay in a core's cache.
const BLOCK: usize = 256;

/// Puts into one group whose product is `least` or more.
pub fn near(vectors: ArrayView2<'_, f32>, least: f32) -> Groups {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || scope.spawn(|| compare(vectors, least, &next));
        let working: Vec<_> = (0..threads).map(|_| work()).collect();
        let mut groups = Groups::new(vectors.nrows());
        for thread in working {
            groups.join_all(thread.join().expect("no product panics"));
        }
        groups
    })
}

/// Compares one block after the other with itself and all before it.
fn compare(vectors: ArrayView2<'_, f32>, least: f32, next: &AtomicUsize) -> Groups {
    let rows = vectors.nrows();
    let mut groups = Groups::new(rows);
    loop {
        let start = next.fetch_add(BLOCK, Relaxed);
        if start >= rows {
            return groups;
        }
        let end = rows.min(start + BLOCK);
        let block = vectors.slice(s![start..end, ..]);
        for before in (0..end).step_by(BLOCK) {
            let others = vectors.slice(s![before..end.min(before + BLOCK), ..]);
            let products = block.dot(&others.t());
            for ((row, other), product) in products.indexed_iter() {
                let row = start + row;
                let other = before + other;
                if other < row && *product >= least {
                    groups.join(other, row);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Unit vectors in the plane, at these degrees.
    fn at(degrees: &[f32]) -> Array2<f32> {
        let rows = degrees.iter().map(|degrees| degrees.to_radians());
        let rows: Vec<[f32; 2]> = rows.map(|angle| [angle.cos(), angle.sin()]).collect();
        Array2::from(rows)
    }

    #[test]
    fn near_ones_are_found_across_blocks_too() {
        let mut degrees: Vec<f32> = (0..600).map(|n| n as f32 * 0.1).collect();
        degrees.push(0.02);
        let vectors = at(&degrees);
        let least = 0.04_f32.to_radians().cos();
        assert_eq!(near(vectors.view(), least).into_lists(), [[0, 600]]);
    }

    #[test]
    fn of_nothing_nothing_is_near() {
        let none = Array2::<f32>::zeros((0, 4));
        assert!(near(none.view(), 0.0).into_lists().is_empty());
    }
}
