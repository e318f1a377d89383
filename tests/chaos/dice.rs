//! Chance with a seed: the same seed gives the same choices in the same order.

use super::random::Random;

pub struct Dice(Random);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Random(seed))
    }

    /// Of a text: what a run does is decided by its name alone.
    pub fn of(text: &str) -> Self {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::new(hash)
    }

    pub fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// One of `from..=to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from + 1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.0.below(100) < chance
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let at = self.next();
        (!among.is_empty()).then(|| &among[(at % among.len() as u64) as usize])
    }
}
