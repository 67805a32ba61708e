package armtemplate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// longestExpression is Resource Manager's own limit ("Template limits": 24,576
// characters in a template expression). It also bounds the depth of our recursion.
const longestExpression = 24_576

// A node is one part of a parsed expression.
type node interface {
	eval(e *evaluation) (any, error)
}

type (
	literal struct{ value any }
	call    struct {
		name string
		args []node
	}
	// access is of.name or of[key]; a name is a literal key.
	access struct{ of, key node }
)

// parseString takes a JSON string apart: "[…]" is an expression, "[[…]" stands for
// the text "[…]", and everything else for itself; a string that begins with a
// bracket and does not end with one is not special (Azure/bicep pull request 2006).
func parseString(s string) (node, error) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return literal{s}, nil
	}
	if s[1] == '[' {
		return literal{s[1:]}, nil
	}
	if len(s) > longestExpression {
		return nil, fmt.Errorf("expression has %d characters; Resource Manager takes %d", len(s), longestExpression)
	}
	p := &parser{text: s[1 : len(s)-1]}
	n, err := p.expression()
	if err == nil {
		if p.space(); p.at < len(p.text) {
			err = fmt.Errorf("%q follows the expression", p.text[p.at:])
		}
	}
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", s, err)
	}
	return n, nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take moves over c if it comes next.
func (p *parser) take(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(c byte) error {
	if p.take(c) {
		return nil
	}
	return fmt.Errorf("%q is missing at character %d", string(c), p.at+1)
}

// while moves over all bytes that fit.
func (p *parser) while(fits func(byte) bool) string {
	from := p.at
	for p.at < len(p.text) && fits(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }

func (p *parser) expression() (node, error) {
	n, err := p.primary()
	for err == nil {
		switch {
		case p.take('.'):
			p.space()
			name := p.while(func(c byte) bool { return letter(c) || digit(c) || c == '$' })
			if name == "" || digit(name[0]) {
				return nil, fmt.Errorf("a property's name is missing at character %d", p.at+1)
			}
			n = access{n, literal{name}}
		case p.take('['):
			var key node
			if key, err = p.expression(); err == nil {
				err = p.expect(']')
			}
			n = access{n, key}
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (node, error) {
	p.space()
	if p.at >= len(p.text) {
		return nil, errors.New("it ends too soon")
	}
	switch c := p.text[p.at]; {
	case c == '\'':
		return p.quoted()
	case digit(c) || c == '-':
		from := p.at
		p.at++
		p.while(digit)
		n, err := strconv.ParseInt(p.text[from:p.at], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", p.text[from:p.at])
		}
		return literal{n}, nil
	case letter(c):
		return p.call()
	}
	return nil, fmt.Errorf("%q is not expected at character %d", p.text[p.at:p.at+1], p.at+1)
}

// quoted reads a string; two quotes inside stand for one.
func (p *parser) quoted() (node, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '\'' {
			b.WriteByte(p.text[p.at])
			continue
		}
		if p.at++; p.at >= len(p.text) || p.text[p.at] != '\'' {
			return literal{b.String()}, nil
		}
		b.WriteByte('\'')
	}
	return nil, errors.New("a string has no end")
}

func (p *parser) call() (node, error) {
	name := p.while(func(c byte) bool { return letter(c) || digit(c) })
	c := call{name: name}
	if !p.take('(') {
		return nil, fmt.Errorf("%q is neither a string nor a function's call", name)
	}
	if p.take(')') {
		return c, nil
	}
	for {
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		if c.args = append(c.args, arg); !p.take(',') {
			return c, p.expect(')')
		}
	}
}
