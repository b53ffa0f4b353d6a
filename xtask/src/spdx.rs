//! SPDX licence expressions: parsed, and judged against a list of accepted licences.
//!
//! `OR` leaves the choice to us, `AND` does not. `WITH` makes a licence of its own of a licence
//! and an exception: accepting the one does not accept the other.

use std::{collections::VecDeque, fmt};

/// A parsed expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    /// One licence, with its exception if it has one: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    /// All of them at once.
    All(Vec<Self>),
    /// Any of them.
    Any(Vec<Self>),
}

impl Expression {
    /// Reads an expression. `/` counts as `OR`, as in manifests older than SPDX expressions.
    pub(crate) fn parse(text: &str) -> Result<Self, BadExpression> {
        let mut tokens = tokens(text);
        let expression = any(&mut tokens)?;
        match tokens.pop_front() {
            None => Ok(expression),
            Some(token) => Err(BadExpression::Unexpected(token.to_string())),
        }
    }

    /// Whether the licences of `accepted` suffice.
    pub(crate) fn is_met_by(&self, accepted: &[&str]) -> bool {
        match self {
            Self::Licence(name) => accepted.contains(&name.as_str()),
            Self::All(parts) => parts.iter().all(|part| part.is_met_by(accepted)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met_by(accepted)),
        }
    }
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadExpression {
    /// The text ends where a licence should follow.
    Ends,
    /// Something stands where it means nothing.
    Unexpected(String),
}

impl fmt::Display for BadExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends => write!(f, "it ends where a licence should follow"),
            Self::Unexpected(token) => write!(f, "`{token}` stands where it means nothing"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    With,
    Name(String),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::And => "AND",
            Self::Or => "OR",
            Self::With => "WITH",
            Self::Name(name) => name,
        })
    }
}

fn tokens(text: &str) -> VecDeque<Token> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced
        .split_whitespace()
        .map(|word| match word {
            "(" => Token::Open,
            ")" => Token::Close,
            "AND" => Token::And,
            "OR" => Token::Or,
            "WITH" => Token::With,
            name => Token::Name(name.to_owned()),
        })
        .collect()
}

// AND binds closer than OR, WITH closer than both.

fn any(tokens: &mut VecDeque<Token>) -> Result<Expression, BadExpression> {
    let mut parts = vec![all(tokens)?];
    while take(tokens, &Token::Or) {
        parts.push(all(tokens)?);
    }
    Ok(one_or(parts, Expression::Any))
}

fn all(tokens: &mut VecDeque<Token>) -> Result<Expression, BadExpression> {
    let mut parts = vec![single(tokens)?];
    while take(tokens, &Token::And) {
        parts.push(single(tokens)?);
    }
    Ok(one_or(parts, Expression::All))
}

fn single(tokens: &mut VecDeque<Token>) -> Result<Expression, BadExpression> {
    if take(tokens, &Token::Open) {
        let inner = any(tokens)?;
        return match tokens.pop_front() {
            Some(Token::Close) => Ok(inner),
            Some(token) => Err(BadExpression::Unexpected(token.to_string())),
            None => Err(BadExpression::Ends),
        };
    }
    let licence = name(tokens)?;
    if take(tokens, &Token::With) {
        let exception = name(tokens)?;
        return Ok(Expression::Licence(format!("{licence} WITH {exception}")));
    }
    Ok(Expression::Licence(licence))
}

fn name(tokens: &mut VecDeque<Token>) -> Result<String, BadExpression> {
    match tokens.pop_front() {
        Some(Token::Name(name)) => Ok(name),
        Some(token) => Err(BadExpression::Unexpected(token.to_string())),
        None => Err(BadExpression::Ends),
    }
}

fn take(tokens: &mut VecDeque<Token>, wanted: &Token) -> bool {
    let found = tokens.front() == Some(wanted);
    if found {
        tokens.pop_front();
    }
    found
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &[&str] =
        &["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"];

    fn met(text: &str) -> bool {
        Expression::parse(text).unwrap().is_met_by(ACCEPTED)
    }

    #[test]
    fn or_needs_one_and_and_needs_all() {
        for good in ["MIT", "MIT OR GPL-3.0", "GPL-3.0 OR MIT", "GPL-2.0/MIT", "MIT AND Apache-2.0"]
        {
            assert!(met(good), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 OR AGPL-3.0", "mit", "MIT+"] {
            assert!(!met(bad), "{bad}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(met("GPL-3.0 AND AGPL-3.0 OR MIT"));
        assert!(met("MIT OR GPL-3.0 AND AGPL-3.0"));
        assert!(!met("(MIT OR GPL-3.0) AND AGPL-3.0"));
        assert!(met("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(met("((MIT))"));
    }

    #[test]
    fn an_exception_makes_another_licence() {
        assert!(met("Apache-2.0 WITH LLVM-exception"));
        assert!(!met("MIT WITH LLVM-exception"));
        assert!(!met("Apache-2.0 WITH Classpath-exception-2.0"));
        assert!(met("GPL-2.0 WITH Classpath-exception-2.0 OR MIT"));
    }

    #[test]
    fn refuses_what_is_no_expression() {
        for (text, why) in [
            ("", BadExpression::Ends),
            ("MIT OR", BadExpression::Ends),
            ("(MIT", BadExpression::Ends),
            ("MIT WITH", BadExpression::Ends),
            ("MIT)", BadExpression::Unexpected(")".to_owned())),
            ("OR MIT", BadExpression::Unexpected("OR".to_owned())),
            ("MIT Apache-2.0", BadExpression::Unexpected("Apache-2.0".to_owned())),
            ("(MIT OR GPL-3.0) WITH X", BadExpression::Unexpected("WITH".to_owned())),
            ("()", BadExpression::Unexpected(")".to_owned())),
        ] {
            assert_eq!(Expression::parse(text), Err(why), "{text:?}");
        }
    }
}
