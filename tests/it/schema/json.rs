//! A reader of JSON for tests: strict, and nothing that the program's own writer has a part in.

/// A value; objects keep the order of their members.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text that is one value.
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.blanks();
        if reader.at == text.len() { Ok(value) } else { Err(format!("more at byte {}", reader.at)) }
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.members().iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Members of an object, none for anything else.
    pub fn members(&self) -> &[(String, Json)] {
        if let Json::Object(members) = self { members } else { &[] }
    }

    /// Elements of an array, none for anything else.
    pub fn elements(&self) -> &[Json] {
        if let Json::Array(elements) = self { elements } else { &[] }
    }

    /// The number that it is.
    pub fn number(&self) -> Option<f64> {
        if let Json::Number(number) = self { Some(*number) } else { None }
    }

    /// The text that it is.
    pub fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\n', '\r', '\t']).len();
    }

    fn next(&mut self) -> Result<char, String> {
        let next = self.text[self.at..].chars().next().ok_or("it ends")?;
        self.at += next.len_utf8();
        Ok(next)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<Json, String> {
        self.blanks();
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
        {
            if self.take(word) {
                return Ok(value);
            }
        }
        if self.take("\"") {
            return self.string().map(Json::Text);
        }
        if self.take("[") {
            return self.list("]", Reader::value).map(Json::Array);
        }
        if self.take("{") {
            let member = |reader: &mut Self| {
                reader.blanks();
                if !reader.take("\"") {
                    return Err("a name expected".to_owned());
                }
                let name = reader.string()?;
                reader.blanks();
                if !reader.take(":") {
                    return Err("a colon expected".to_owned());
                }
                Ok((name, reader.value()?))
            };
            return self.list("}", member).map(Json::Object);
        }
        let rest = &self.text[self.at..];
        let number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let length = rest.find(|c| !number(c)).unwrap_or(rest.len());
        self.at += length;
        rest[..length].parse().map(Json::Number).map_err(|_| format!("no value at byte {}", self.at))
    }

    fn list<T>(
        &mut self,
        end: &str,
        item: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        self.blanks();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            self.blanks();
            if self.take(end) {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(format!("a comma expected at byte {}", self.at));
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                '"' => return Ok(text),
                '\\' => text.push(match self.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let digits = self.text.get(self.at..self.at + 4).ok_or("it ends")?;
                        self.at += 4;
                        let code = u32::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
                        char::from_u32(code).ok_or("half a character")?
                    }
                    plain @ ('"' | '\\' | '/') => plain,
                    other => return Err(format!("`\\{other}`")),
                }),
                control if control < ' ' => return Err("a control character".to_owned()),
                other => text.push(other),
            }
        }
    }
}
