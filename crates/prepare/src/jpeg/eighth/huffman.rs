//! Huffman tables, laid out for reading fast.

use super::bits::Bits;

/// Codes up to this length, nearly all of them, are found in one look.
const LOOK: u32 = 12;

pub struct Table {
    /// By the next bits: a code's length and its symbol; length 0 where the code is longer.
    short: Box<[(u8, u8); 1 << LOOK]>,
    /// By the next bits: what several coefficients after each other take.
    runs: Box<[Run; 1 << LOOK]>,
    /// For each length, the codes below this one (aligned to 16 bits) are no longer.
    end: [u32; 17],
    /// Added to a code of that length, its symbol's place.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

/// Several coefficients whose values nobody wants.
#[derive(Clone, Copy, Default)]
pub struct Run {
    /// 0: there is no such run here, look at a single code.
    pub bits: u8,
    /// How far they reach in the block.
    pub coefficients: u8,
    /// Whether the block's end comes after them.
    pub ends: bool,
}

pub struct Symbol(u8);

// What is called for each coefficient or block says `inline`: else it may come into another piece of the crate, as a call.
impl Symbol {
    /// Zeros before the coefficient.
    #[inline]
    pub fn zeros(&self) -> usize {
        usize::from(self.0 >> 4)
    }

    /// Bits of the coefficient's value.
    #[inline]
    pub fn bits(&self) -> u32 {
        u32::from(self.0 & 15)
    }
}

impl Table {
    /// `counts`: how many codes there are of 1, 2, … 16 bits; `symbols`: theirs, in order.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            short: boxed((0, 0)),
            runs: boxed(Run::default()),
            end: [0; 17],
            offset: [0; 17],
            symbols: symbols.to_vec(),
        };
        let mut code = 0u32;
        let mut place = 0usize;
        for length in 1..=16u32 {
            let count = usize::from(counts[length as usize - 1]);
            table.offset[length as usize] = place as i32 - code as i32;
            for symbol in symbols.get(place..place + count)? {
                // The standard leaves the code of ones alone free, and libjpeg-turbo insists on that.
                (code + 1 < 1 << length).then_some(())?;
                table.insert(code, length, *symbol);
                code += 1;
            }
            place += count;
            table.end[length as usize] = code << (16 - length);
            code <<= 1;
        }
        table.find_runs();
        Some(table)
    }

    fn insert(&mut self, code: u32, length: u32, symbol: u8) {
        if length <= LOOK {
            let first = (code << (LOOK - length)) as usize;
            self.short[first..first + (1 << (LOOK - length))].fill((length as u8, symbol));
        }
    }

    fn find_runs(&mut self) {
        for window in 0..1 << LOOK {
            self.runs[window] = self.run(window);
        }
    }

    /// As many coefficients as have their codes within the window; the last one's value may lie beyond.
    fn run(&self, window: usize) -> Run {
        let mut run = Run::default();
        while u32::from(run.bits) < LOOK && !run.ends {
            let (length, symbol) = self.short[(window << run.bits) & ((1 << LOOK) - 1)];
            let fits = length > 0 && u32::from(run.bits + length) <= LOOK;
            let symbol = Symbol(symbol);
            match (fits, symbol.zeros(), symbol.bits()) {
                (false, ..) => break,
                (true, 0, 0) => run.ends = true,
                (true, 15, 0) => run.coefficients += 16,
                // Not in a baseline file.
                (true, _, 0) => break,
                (true, zeros, bits) => {
                    run.coefficients += zeros as u8 + 1;
                    run.bits += bits as u8;
                }
            }
            run.bits += length;
            if run.coefficients > 63 {
                break;
            }
        }
        run
    }

    /// Returns whether each symbol tells a difference's size, as a table of first coefficients must.
    pub fn tells_sizes(&self) -> bool {
        self.symbols.iter().all(|symbol| *symbol < 16)
    }

    #[inline(always)]
    pub fn next_run(&self, bits: &Bits) -> Run {
        self.runs[bits.peek(LOOK)]
    }

    #[inline(always)]
    pub fn symbol(&self, bits: &mut Bits) -> Option<Symbol> {
        let (length, symbol) = self.short[bits.peek(LOOK)];
        if length == 0 {
            return self.long_symbol(bits);
        }
        bits.skip(length.into());
        Some(Symbol(symbol))
    }

    #[cold]
    fn long_symbol(&self, bits: &mut Bits) -> Option<Symbol> {
        let next = bits.peek(16) as u32;
        let length = (LOOK + 1..=16).find(|length| next < self.end[*length as usize])?;
        let code = (next >> (16 - length)) as i32;
        bits.skip(length);
        let place = usize::try_from(code + self.offset[length as usize]).ok()?;
        self.symbols.get(place).copied().map(Symbol)
    }
}

/// On the heap from the start: these are larger than a frame of the stack should be.
fn boxed<T: Clone>(value: T) -> Box<[T; 1 << LOOK]> {
    let Ok(table) = vec![value; 1 << LOOK].into_boxed_slice().try_into() else {
        unreachable!("its length")
    };
    table
}
