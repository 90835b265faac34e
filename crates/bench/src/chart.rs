//! Charts as SVG: values over evenly spaced, labelled points, each series with an axis of its own unit in the legend.

use std::fmt::Write;

const WIDTH: u64 = 640;
const HEIGHT: u64 = 300;
const LEFT: u64 = 80;
const RIGHT: u64 = 20;
const TOP: u64 = 50;
const BOTTOM: u64 = 50;
/// Lines across, above the one at zero.
const LINES: u64 = 4;
/// How many labels fit below.
const LABELS_MAX: usize = 12;

/// One chart of one series.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    /// What stands along the bottom.
    pub(crate) along: &'a str,
    pub(crate) labels: Vec<String>,
    pub(crate) values: Vec<u64>,
}

impl Chart<'_> {
    /// As a picture that is readable on a light and on a dark page.
    pub(crate) fn svg(&self) -> String {
        let top = nice(self.values.iter().copied().max().unwrap_or(0));
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
<text x="{LEFT}" y="28" font-size="15" font-weight="bold" fill="#1b1f24">{}</text>
"##,
            self.title
        );
        for line in 0..=LINES {
            let value = top * line / LINES;
            let y = height_of(value, top);
            let (end, text) = (WIDTH - RIGHT, LEFT - 8);
            self::push(
                &mut svg,
                &format!(
                    r##"<line x1="{LEFT}" y1="{y}" x2="{end}" y2="{y}" stroke="#d0d7de"/><text x="{text}" y="{}" text-anchor="end" fill="#57606a">{}</text>"##,
                    y + 4,
                    grouped(value)
                ),
            );
        }
        self.draw(&mut svg, top);
        svg.push_str("</svg>\n");
        svg
    }

    fn draw(&self, svg: &mut String, top: u64) {
        let every = self.labels.len().div_ceil(LABELS_MAX).max(1);
        let points: Vec<(u64, u64)> = self
            .values
            .iter()
            .enumerate()
            .map(|(index, &value)| (self.across(index), height_of(value, top)))
            .collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        push(
            svg,
            &format!(
                r##"<polyline points="{}" fill="none" stroke="#0969da" stroke-width="2"/>"##,
                path.join(" ")
            ),
        );
        for (index, (x, y)) in points.iter().enumerate() {
            if self.values.len() <= LABELS_MAX {
                push(svg, &format!(r##"<circle cx="{x}" cy="{y}" r="4" fill="#0969da"/>"##));
            }
            if index % every == 0 {
                let y = HEIGHT - BOTTOM + 18;
                let label = &self.labels[index];
                push(
                    svg,
                    &format!(r##"<text x="{x}" y="{y}" text-anchor="middle" fill="#57606a">{label}</text>"##),
                );
            }
        }
        let (x, y) = ((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10);
        push(
            svg,
            &format!(r##"<text x="{x}" y="{y}" text-anchor="middle" fill="#1b1f24">{}</text>"##, self.along),
        );
    }

    fn across(&self, index: usize) -> u64 {
        let room = WIDTH - LEFT - RIGHT - 40;
        let steps = self.values.len().saturating_sub(1).max(1) as u64;
        LEFT + 20 + room * index as u64 / steps
    }
}

fn push(svg: &mut String, element: &str) {
    writeln!(svg, "{element}").expect("a string takes everything");
}

fn height_of(value: u64, top: u64) -> u64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top
}

/// The next 1, 2, 4 or 8 times a power of ten that is not below.
fn nice(max: u64) -> u64 {
    let mut power = 1;
    loop {
        if let Some(step) = [1, 2, 4, 8].iter().find(|&&step| step * power >= max.max(LINES)) {
            return step * power;
        }
        power *= 10;
    }
}

/// Digits in groups of three.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
