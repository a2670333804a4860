//! Inputs made from inputs, by a seeded generator: the same seed makes the same ones.

/// A small generator of numbers (xorshift), not for secrets.
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `below`, which is not 0.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % below as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.roll(256) as u8
    }
}

/// Bytes that stand at the edge of something in most languages.
const EDGES: &[u8] =
    &[0, 1, 9, 10, 13, 32, 34, 37, 38, 44, 45, 47, 48, 57, 58, 61, 64, 91, 92, 127, 128, 192, 224, 255];

/// Makes an input from one, with pieces of another and with words.
pub fn mutate(dice: &mut Dice, from: &[u8], other: &[u8], words: &[&str], max_bytes: usize) -> Vec<u8> {
    let mut bytes = from.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len() + 1);
        let end = at + dice.roll((bytes.len() - at).min(24) + 1);
        match dice.roll(11) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
            1 if at < bytes.len() => bytes[at] = EDGES[dice.roll(EDGES.len())],
            2 => bytes.insert(at, dice.byte()),
            3 => bytes.insert(at, EDGES[dice.roll(EDGES.len())]),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let piece = bytes[at..end].to_vec();
                let times = 1 + dice.roll(6);
                bytes.splice(at..at, piece.repeat(times));
            }
            6 | 7 if !words.is_empty() => {
                let word = words[dice.roll(words.len())].as_bytes();
                let end = if dice.roll(2) == 0 { at } else { end };
                bytes.splice(at..end, word.iter().copied());
            }
            8 if !other.is_empty() => {
                let from = dice.roll(other.len());
                let to = from + dice.roll((other.len() - from).min(64) + 1);
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            9 => bytes.truncate(at),
            10 => {
                let number = [0, 1, 255, 256, 65_535, 1 << 31, u64::MAX >> 1, u64::MAX][dice.roll(8)].to_string();
                bytes.splice(at..end, number.into_bytes());
            }
            _ => bytes.push(dice.byte()),
        }
    }
    bytes.truncate(max_bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_what_is_made_and_nothing_is_too_long() {
        let make = |seed| {
            let mut dice = Dice::new(seed);
            (0..2000).map(|_| mutate(&mut dice, b"a=1&b=2", b"c=3", &["word"], 20)).collect::<Vec<_>>()
        };
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
        let made = make(7);
        assert!(made.iter().all(|bytes| bytes.len() <= 20) && made.iter().any(|bytes| bytes.len() == 20));
        assert!(made.iter().any(|bytes| bytes.windows(4).any(|piece| piece == b"word")));
    }
}
