package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The bounds of what is read at all. A scenario is a page of text. The YAML parser recurses and remembers every path,
// so that 100 KiB of brackets would take it gigabytes: the nesting is bounded before it is asked.
const (
	mostBytes   = 64 << 10
	mostNesting = 8
)

// node is a piece of a scenario, with the place that an error about it names.
type node struct {
	at    string
	kind  nodeKind
	text  string  // of a scalar
	empty bool    // a scalar that isn't there: "key:" and nothing
	items []*node // of a list
	keys  []entry // of a mapping, as written
	set   bool    // given by --set
}

type nodeKind int

const (
	scalar nodeKind = iota
	list
	mapping
)

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	at    string
	value *node
}

// get finds a key's value; nil where the mapping doesn't have it.
func (n *node) get(key string) *node {
	for _, e := range n.keys {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// document reads YAML text into one mapping. name is the file, for errors.
func document(name string, text []byte) (*node, error) {
	if len(text) > mostBytes {
		return nil, wrong(name, "is larger than %s: no scenario is", FormatSize(mostBytes))
	}
	clean, err := cleanText(name, text)
	if err != nil {
		return nil, err
	}
	tokens := lexer.Tokenize(clean)
	if err := checkTokens(name, tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // convert finds duplicates, with its own words
	if err != nil {
		return nil, syntaxError(name, err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, wrong(name, "is empty: a scenario needs a title, a question and a transfer or write part")
	}
	if len(file.Docs) > 1 {
		return nil, wrong(name, "holds %d YAML documents: put each scenario into a file of its own", len(file.Docs))
	}
	root, err := convert(name, file.Docs[0].Body)
	if err != nil {
		return nil, err
	}
	if root.kind != mapping {
		return nil, wrong(root.at, "is not a scenario: write keys with values, such as \"title: Four copies or none\"")
	}
	return root, nil
}

// cleanText takes a byte order mark and carriage returns away and refuses what is no text.
func cleanText(name string, text []byte) (string, error) {
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return "", wrong(name, "is UTF-16 text: save it as UTF-8")
	}
	clean := strings.TrimPrefix(string(text), "\ufeff")
	clean = strings.ReplaceAll(clean, "\r\n", "\n")
	line, column := 1, 1
	for i, r := range clean {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(clean[i:], "\ufffd"):
			return "", wrong(place(name, line, column), "is not UTF-8 text: byte 0x%02x", clean[i])
		case r == '\n':
			line, column = line+1, 0
		case unicode.IsControl(r) && r != '\t' || r == '\ufeff':
			return "", wrong(place(name, line, column), "holds the control character %U, which YAML text may not", r)
		}
		column++
	}
	return clean, nil
}

// checkTokens refuses what the format doesn't have, before the parser meets it: anchors and aliases (a few lines of
// them can stand for gigabytes), tags, merge and complex keys, directives, several documents, and deep nesting.
func checkTokens(name string, tokens token.Tokens) error {
	depth, line, dashes, colons := 0, 0, 0, 0
	for i, t := range tokens {
		at := place(name, t.Position.Line, t.Position.Column)
		if t.Position.Line != line {
			line, dashes, colons = t.Position.Line, 0, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return wrong(at, "anchors (&), aliases (*) and merges (<<) have no place in a scenario: write the value out; "+
				"text that starts with such a sign needs quotes")
		case token.TagType:
			return wrong(at, "tags (!) have no place in a scenario: leave it out; text that starts with ! needs quotes")
		case token.MappingKeyType:
			return wrong(at, "keys with ? have no place in a scenario: write \"key: value\"")
		case token.DirectiveType:
			return wrong(at, "directives (%%) have no place in a scenario: leave the line out; text that starts with %% needs quotes")
		case token.DocumentHeaderType:
			if hasContent(tokens[:i]) {
				return wrong(at, "a second YAML document starts here: put each scenario into a file of its own")
			}
		case token.DocumentEndType:
			if hasContent(tokens[i+1:]) {
				return wrong(at, "there is more after the end of the document: put each scenario into a file of its own")
			}
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			if depth--; depth < 0 {
				return wrong(at, "this %s closes nothing", t.Value)
			}
		case token.SequenceEntryType:
			dashes++
		case token.MappingValueType:
			if depth == 0 { // "a: a: a: …" nests too, if not validly
				colons++
			}
		}
		if depth > mostNesting || dashes > mostNesting || colons > mostNesting {
			return wrong(at, "is nested too deep: a scenario is a mapping of a few mappings and lists")
		}
	}
	return nil
}

// hasContent tells whether there is more than comments and document marks among the tokens.
func hasContent(tokens token.Tokens) bool {
	for _, t := range tokens {
		if t.Type != token.CommentType && t.Type != token.SpaceType && t.Type != token.DocumentHeaderType && t.Type != token.DocumentEndType {
			return true
		}
	}
	return false
}

// syntaxError turns the parser's error into ours: its place in front, and a remedy for the commonest slip.
func syntaxError(name string, err error) error {
	at, message := name, err.Error()
	if e, ok := errors.AsType[yaml.Error](err); ok {
		message = e.GetMessage()
		if t := e.GetToken(); t != nil && t.Position != nil {
			at = place(name, t.Position.Line, t.Position.Column)
		}
	}
	if runes := []rune(message); len(runes) > 120 {
		message = string(runes[:120]) + "…"
	}
	switch {
	case strings.Contains(message, "value is not allowed"):
		message += ": indent the keys of one mapping alike, and put text that holds \": \" in quotes"
	case strings.ContainsRune(message, '\t'), strings.Contains(message, "tab character"):
		message = "there is a tab: indent with spaces"
	}
	return wrong(at, "is not YAML: %s", message)
}

// place is file:line:column. Lines and columns count from 1, columns in characters.
func place(name string, line, column int) string {
	return fmt.Sprintf("%s:%d:%d", name, line, column)
}

func placeOf(name string, t *token.Token) string {
	if t == nil || t.Position == nil {
		return name
	}
	return place(name, t.Position.Line, t.Position.Column)
}

// convert turns the parser's tree into ours: mappings, lists, and scalars with the text as it was written. Whether
// 5 is a number or a word is for the key to say that it stands under.
func convert(name string, n ast.Node) (*node, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		// A mapping's own token is its first colon, or its brace; its first key is where a reader looks.
		m := &node{at: placeOf(name, n.GetToken()), kind: mapping}
		if !n.IsFlowStyle && len(n.Values) > 0 {
			m.at = placeOf(name, n.Values[0].Key.GetToken())
		}
		for _, v := range n.Values {
			if err := m.add(name, v); err != nil {
				return nil, err
			}
		}
		return m, nil
	case *ast.MappingValueNode: // a mapping of one key
		m := &node{at: placeOf(name, n.Key.GetToken()), kind: mapping}
		if err := m.add(name, n); err != nil {
			return nil, err
		}
		return m, nil
	case *ast.SequenceNode:
		l := &node{at: placeOf(name, n.GetToken()), kind: list}
		for _, v := range n.Values {
			item, err := convert(name, v)
			if err != nil {
				return nil, err
			}
			l.items = append(l.items, item)
		}
		return l, nil
	case *ast.LiteralNode:
		return &node{at: placeOf(name, n.GetToken()), text: n.Value.Value}, nil
	case *ast.NullNode:
		t := n.GetToken()
		if t.Type == token.ImplicitNullType {
			return &node{at: placeOf(name, t), empty: true}, nil
		}
		return &node{at: placeOf(name, t), text: t.Value}, nil // "null" is a path; ~ is nothing that we know
	case ast.ScalarNode:
		return &node{at: placeOf(name, n.GetToken()), text: n.GetToken().Value}, nil
	case nil:
		return &node{at: name, empty: true}, nil
	}
	return nil, wrong(placeOf(name, n.GetToken()), "has no place in a scenario: write a word, a number, a list or a mapping")
}

// add converts one key with its value into the mapping n.
func (n *node) add(name string, v *ast.MappingValueNode) error {
	t := v.Key.GetToken()
	at := placeOf(name, t)
	key := t.Value
	for _, e := range n.keys {
		if e.key == key {
			return wrong(at, "key %s is here twice, first at %s: keep one", quoted(key), strings.TrimPrefix(e.at, name+":"))
		}
	}
	value, err := convert(name, v.Value)
	if err != nil {
		return err
	}
	n.keys = append(n.keys, entry{key: key, at: at, value: value})
	return nil
}
