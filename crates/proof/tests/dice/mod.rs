//! Pseudo-random choices for tests that build small documents: the same seed gives the same documents everywhere.

/// A linear congruential generator, by its seed.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides as u64) as usize
    }

    /// One of the texts.
    pub fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }

    /// A JSON list of one to `most` and one of the texts.
    pub fn some(&mut self, of: &[&str], most: usize) -> String {
        let items: Vec<String> = (0..=self.roll(most)).map(|_| format!("\"{}\"", self.one(of))).collect();
        format!("[{}]", items.join(","))
    }
}
