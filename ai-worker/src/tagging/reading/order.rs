//! In which order lines are read.

use super::LineBox;

/// Lines whose middles are nearer than this, in heights of the lower one, are of one row.
const SAME_ROW: f32 = 0.5;

/// Orders lines from the top to the bottom, and in a row from the left to the right.
pub fn in_reading_order(mut lines: Vec<LineBox>) -> Vec<LineBox> {
    lines.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut rows: Vec<Vec<LineBox>> = Vec::new();
    for line in lines {
        match rows.last_mut() {
            Some(row) if row.last().is_some_and(|last| is_beside(last, &line)) => row.push(line),
            _ => rows.push(vec![line]),
        }
    }
    for row in &mut rows {
        row.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    rows.concat()
}

/// Returns whether a line goes on where another one's direction leads.
fn is_beside(line: &LineBox, other: &LineBox) -> bool {
    let expected = line.y + line.angle.tan() * (other.x - line.x);
    (other.y - expected).abs() < SAME_ROW * line.height.min(other.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(x: f32, y: f32, angle: f32) -> LineBox {
        LineBox {
            x,
            y,
            width: 40.0,
            height: 10.0,
            angle,
        }
    }

    fn order(lines: &[LineBox]) -> Vec<(f32, f32)> {
        let ordered = in_reading_order(lines.to_vec());
        ordered.iter().map(|line| (line.x, line.y)).collect()
    }

    #[test]
    fn a_receipt_is_read_row_by_row() {
        let price = line(200.0, 49.0, 0.0);
        let name = line(50.0, 51.0, 0.0);
        let total = line(50.0, 70.0, 0.0);
        let title = line(100.0, 20.0, 0.0);
        let read = order(&[total, price, name, title]);
        assert_eq!(
            read,
            [(100.0, 20.0), (50.0, 51.0), (200.0, 49.0), (50.0, 70.0)]
        );
        assert!(in_reading_order(Vec::new()).is_empty());
    }

    #[test]
    fn a_row_of_a_tilted_page_stays_one() {
        // It falls by a tenth of the way: 20 from the first to the second.
        let angle = 0.1_f32.atan();
        let read = order(&[
            line(250.0, 40.0, angle),
            line(50.0, 20.0, angle),
            line(50.0, 36.0, angle),
        ]);
        assert_eq!(read, [(50.0, 20.0), (50.0, 36.0), (250.0, 40.0)]);
    }
}
