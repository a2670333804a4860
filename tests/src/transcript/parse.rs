//! Transcript text to cases and steps.

/// One case of a file.
#[derive(Debug)]
pub struct Case {
    /// What it tells.
    pub title: String,
    /// The line of its title.
    pub line: usize,
    /// What happens, in order.
    pub steps: Vec<Line>,
}

/// A step and where it stands.
#[derive(Debug)]
pub struct Line {
    /// The number of the step's first line.
    pub number: usize,
    /// The step.
    pub step: Step,
}

/// One thing that happens.
#[derive(Debug)]
pub enum Step {
    /// A directive: its words.
    Prepare(Vec<String>),
    /// A request and the answer it must get.
    Exchange {
        /// The request's lines, without their marks.
        request: Vec<String>,
        /// The answer.
        expected: Expectation,
    },
}

/// The answer as it is written down.
#[derive(Debug, Default)]
pub struct Expectation {
    /// Status code (`2.05` of CoAP as 205), or several where the contract leaves the choice (`404|409`).
    pub statuses: Vec<u16>,
    /// The word behind the status, or nothing.
    pub kind: String,
    /// `Name: value`, perhaps with a `?` before it.
    pub headers: Vec<String>,
    /// The body's lines; none written down for an error means any.
    pub body: Vec<String>,
}

/// Reads a transcript, or says which line cannot be read.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
    while let Some((number, line)) = lines.next() {
        let wrong = |why: &str| format!("line {number}: {why}: {line}");
        let mut block = |first: &str, mark: char| {
            let mut block = vec![first.to_owned()];
            while let Some((_, next)) = lines.next_if(|(_, next)| next.starts_with(mark)) {
                block.push(unmarked(next).to_owned());
            }
            block
        };
        match line.chars().next() {
            None | Some('#') => {}
            Some('=') => {
                let title = line.trim_start_matches('=').trim().to_owned();
                cases.push(Case { title, line: number, steps: Vec::new() });
            }
            Some('@') => {
                let words = line[1..].split_whitespace().map(str::to_owned).collect();
                let case = cases.last_mut().ok_or_else(|| wrong("a step before the first case"))?;
                case.steps.push(Line { number, step: Step::Prepare(words) });
            }
            Some('>') => {
                let request = block(unmarked(line), '>');
                let (_, first) =
                    lines.next_if(|(_, next)| next.starts_with('<')).ok_or_else(|| wrong("no answer follows"))?;
                let mut answer = vec![unmarked(first).to_owned()];
                while let Some((_, next)) = lines.next_if(|(_, next)| next.starts_with('<')) {
                    answer.push(unmarked(next).to_owned());
                }
                let expected = expectation(&answer).ok_or_else(|| wrong("its answer can't be read"))?;
                let case = cases.last_mut().ok_or_else(|| wrong("a step before the first case"))?;
                case.steps.push(Line { number, step: Step::Exchange { request, expected } });
            }
            Some(_) => return Err(wrong("neither a comment, a case, a step nor an answer to one")),
        }
    }
    Ok(cases)
}

/// A line without its mark and the one space behind it.
fn unmarked(line: &str) -> &str {
    let rest = &line[1..];
    rest.strip_prefix(' ').unwrap_or(rest)
}

fn expectation(lines: &[String]) -> Option<Expectation> {
    let (status, kind) = lines[0].split_once(' ').unwrap_or((&lines[0], ""));
    // CoAP's codes are written with a point.
    let statuses = status.split('|').map(|code| code.replacen('.', "", 1).parse().ok()).collect::<Option<_>>()?;
    let mut expected = Expectation { statuses, kind: kind.to_owned(), ..Expectation::default() };
    let rest = &lines[1..];
    match rest.iter().position(String::is_empty) {
        Some(blank) => {
            expected.headers = rest[..blank].to_vec();
            expected.body = rest[blank + 1..].to_vec();
        }
        None => {
            let heads = rest.iter().take_while(|line| is_header(line)).count();
            expected.headers = rest[..heads].to_vec();
            expected.body = rest[heads..].to_vec();
        }
    }
    expected.headers.iter().all(|line| is_header(line)).then_some(expected)
}

/// `Name: value` with a name in Title-Case, as no body of ours begins.
fn is_header(line: &str) -> bool {
    let line = line.strip_prefix('?').unwrap_or(line);
    line.split_once(": ").is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_a_title_steps_and_answers() {
        let text = "# a comment\n== One\n@ numbers A1 A2\n> GET /x\n> A: b\n>\n> body\n< 200 csv\n< ?E-Tag: x\n<\n< a,b\n\n> GET /y\n< 404\n";
        let cases = parse(text).unwrap();
        assert_eq!(cases.len(), 1);
        assert_eq!((cases[0].title.as_str(), cases[0].steps.len()), ("One", 3));
        let Step::Exchange { request, expected } = &cases[0].steps[1].step else { panic!("an exchange") };
        assert_eq!(request, &["GET /x", "A: b", "", "body"]);
        assert_eq!((expected.statuses.as_slice(), expected.kind.as_str()), (&[200][..], "csv"));
        assert_eq!(
            (expected.headers.as_slice(), expected.body.as_slice()),
            (&["?E-Tag: x".to_owned()][..], &["a,b".to_owned()][..])
        );
        assert!(parse("> GET /x\n").is_err());
        assert!(parse("== t\n> GET /x\n\n< 200\n").is_err(), "an answer stands right behind its request");
        assert!(parse("words\n").is_err());
    }
}
