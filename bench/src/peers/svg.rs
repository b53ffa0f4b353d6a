//! Plots as SVG, which any browser shows: lines over a number of connections, and bars.

use std::fmt::Write as _;

/// A line of a plot.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// From left to right.
    pub(super) points: Vec<(usize, f64)>,
}

/// A bar of a plot.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
}

/// Distinguishable by people who see colours differently (Okabe and Ito).
const COLOURS: [&str; 13] = [
    "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#f0e442", "#555555",
    // Lighter and darker, for those that are farthest from the others.
    "#999999", "#000000", "#8c510a", "#5e3c99", "#b2abd2",
];

const WIDTH: f64 = 760.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 56.0;
const PLOT_WIDTH: f64 = 640.0;
const PLOT_HEIGHT: f64 = 260.0;
/// Of a line of text, and of a bar with the room below it.
const ROW: f64 = 20.0;
/// Where bars begin: to the right of the longest name.
const BARS_LEFT: f64 = 320.0;
const BARS_WIDTH: f64 = 360.0;

/// Lines, the values on a logarithmic axis, the places evenly spaced.
pub(super) fn lines(title: &str, caption: &str, across: &str, lines: &[Line]) -> String {
    let mut places: Vec<usize> =
        lines.iter().flat_map(|line| line.points.iter().map(|(place, _)| *place)).collect();
    places.sort_unstable();
    places.dedup();
    let values = || lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let (low, high) = decades(values());
    let x = |place: usize| {
        let index = places.iter().position(|known| *known == place).unwrap_or_default();
        LEFT + PLOT_WIDTH * (number(index) + 0.5) / number(places.len().max(1))
    };
    let y = |value: f64| {
        let part = (value.max(f64::MIN_POSITIVE).log10() - low) / (high - low);
        TOP + PLOT_HEIGHT * (1.0 - part.clamp(0.0, 1.0))
    };
    let height = TOP + PLOT_HEIGHT + ROW * (number(lines.len()) + 3.0);
    let mut svg = begin(title, caption, height);
    let mut exponent = low;
    while exponent <= high {
        let at = y(10_f64.powf(exponent));
        let _ = writeln!(
            svg,
            r##"<line x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}" stroke="#ccc"/>"##,
            LEFT + PLOT_WIDTH
        );
        text(&mut svg, LEFT - 6.0, at + 4.0, "end", &format!("{:.0}", 10_f64.powf(exponent)));
        exponent += 1.0;
    }
    for place in &places {
        text(&mut svg, x(*place), TOP + PLOT_HEIGHT + 16.0, "middle", &place.to_string());
    }
    text(&mut svg, LEFT + PLOT_WIDTH / 2.0, TOP + PLOT_HEIGHT + 2.0 * ROW - 6.0, "middle", across);
    for (index, line) in lines.iter().enumerate() {
        let colour = colour(index);
        let points = line.points.iter().map(|(p, v)| format!("{:.1},{:.1}", x(*p), y(*v)));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            svg,
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>"#
        );
        for (place, value) in &line.points {
            let (x, y) = (x(*place), y(*value));
            let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#);
        }
        let at = TOP + PLOT_HEIGHT + ROW * (number(index) + 2.5);
        let _ = writeln!(
            svg,
            r#"<rect x="{LEFT}" y="{:.1}" width="12" height="12" fill="{colour}"/>"#,
            at - 10.0
        );
        text(&mut svg, LEFT + 18.0, at, "start", &line.name);
    }
    svg + "</svg>\n"
}

/// Bars, one below the other, the values beside them.
pub(super) fn bars(title: &str, caption: &str, bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = begin(title, caption, TOP + ROW * (number(bars.len()) + 1.0));
    for (index, bar) in bars.iter().enumerate() {
        let top = TOP + ROW * number(index);
        let width = BARS_WIDTH * bar.value / longest;
        let _ = writeln!(
            svg,
            r#"<rect x="{BARS_LEFT}" y="{top:.1}" width="{width:.1}" height="14" fill="{}"/>"#,
            colour(index)
        );
        text(&mut svg, BARS_LEFT - 6.0, top + 11.0, "end", &bar.name);
        text(&mut svg, BARS_LEFT + width + 6.0, top + 11.0, "start", &format!("{:.2}", bar.value));
    }
    svg + "</svg>\n"
}

/// The powers of ten around all values, at least one apart.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let logarithms = values.filter(|value| *value > 0.0).map(f64::log10);
    let (low, high) = logarithms
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let low = low.floor();
    (low, high.ceil().max(low + 1.0))
}

fn begin(title: &str, caption: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let _ = writeln!(svg, r#"<text x="{LEFT}" y="22" font-size="15">{}</text>"#, escaped(title));
    let _ = writeln!(svg, r#"<text x="{LEFT}" y="38" font-size="9">{}</text>"#, escaped(caption));
    svg
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, what: &str) {
    let what = escaped(what);
    let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{what}</text>"#);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn colour(index: usize) -> &'static str {
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or("black")
}

#[allow(clippy::cast_precision_loss, reason = "a plot has few lines and places")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::{contender::Contender, openstack::Caching};

    #[test]
    fn no_two_lines_have_one_colour() {
        assert!(Contender::ALL.len() + Caching::ALL.len() <= COLOURS.len());
    }

    #[test]
    fn a_line_has_a_point_for_each_value() {
        let line = Line { name: "a < b".to_owned(), points: vec![(1, 10.0), (64, 1000.0)] };
        let svg = lines("title", "machine", "connections", &[line]);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains(">machine</text>"));
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn nothing_measured_is_an_empty_plot() {
        assert!(lines("t", "m", "c", &[]).ends_with("</svg>\n"));
        assert!(bars("t", "m", &[]).ends_with("</svg>\n"));
    }

    #[test]
    fn the_longest_bar_fills_the_room() {
        let bar = |value| Bar { name: String::new(), value };
        let svg = bars("t", "m", &[bar(1.0), bar(2.0)]);
        assert!(svg.contains("width=\"180.0\"") && svg.contains("width=\"360.0\""));
    }
}
