package webhook_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"azcollector/internal/collect"
	"azcollector/webhook"
)

// TestHostileBodies: whatever who knows the secret sends, the answer is 200, what is
// well-formed enough to be understood is taken, and what is kept of the rest is small.
func TestHostileBodies(t *testing.T) {
	const bom = "\uFEFF"
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("[" + entry("1") + "]"))
	_ = z.Close()
	var many []string
	for range 1000 {
		many = append(many, entry("1"))
	}
	for _, test := range []struct {
		name               string
		body               string
		announced, refused int
	}{
		{"BOM", bom + "[" + entry("1") + "]", 1, 0},
		{"spaces around", " \r\n\t[" + entry("1") + "]\n ", 1, 0},
		{"two BOMs", bom + bom + "[" + entry("1") + "]", 0, 1},
		{"UTF-16", "\xff\xfe[\x00]\x00", 0, 1},
		{"gzip", zipped.String(), 0, 1},
		{"100,000 levels", deep(100_000), 0, 1},
		{"100,000 levels in a member", "[" + entry("1", "x", deep(100_000)) + "]", 0, 1},
		{"5,000 levels in a member that nobody reads", "[" + entry("1", "x", deep(5000)) + "]", 1, 0},
		{"100,000 levels that do not end", strings.Repeat(`{"a":`, 100_000), 0, 1},
		{"a member twice, the last one counts", `[{"contentType":"Audit.Exchange","contentId":"1","contentUri":"https://evil.example/","contentUri":"https://api.example/` + ours + `/1"}]`, 1, 0},
		{"a member twice, the last one is foreign", `[{"contentType":"Audit.Exchange","contentId":"1","contentUri":"https://api.example/` + ours + `/1","contentUri":"https://evil.example/1"}]`, 0, 1},
		{"a member in other cases, the last one is foreign", `[{"contentType":"Audit.Exchange","contentId":"1","contentUri":"https://api.example/` + ours + `/1","CONTENTURI":"https://evil.example/1"}]`, 0, 1},
		{"invalid UTF-8 in a member that nobody reads", "[" + entry("1", "x", "\"\xff\xfe\"") + "]", 1, 0},
		{"invalid UTF-8 in an id", "[" + entry("1", "contentId", "\"1\xff\"") + "]", 0, 1},
		{"a lone surrogate in an id", "[" + entry("1", "contentId", `"1\ud800"`) + "]", 0, 1},
		{"NUL in an id", "[" + entry("1", "contentId", `"1\u0000"`) + "]", 0, 1},
		{"a bare NUL", "[" + entry("1") + "\x00]", 0, 1},
		{"a huge number in a member that nobody reads", "[" + entry("1", "x", strings.Repeat("9", 100_000)+"e"+strings.Repeat("9", 100)) + "]", 1, 0},
		{"a number as an id", "[" + entry("1", "contentId", "1e999") + "]", 0, 1},
		{"100,000 numbers", "[" + strings.Repeat("0,", 99_999) + "0]", 0, 100_000},
		{"100,000 objects", "[" + strings.Repeat("{},", 99_999) + "{}]", 0, 100_000},
		{"the same 1,000 times", "[" + strings.Join(many, ",") + "]", 1, 0},
		{"one good among many bad", "[" + strings.Repeat("{},", 1000) + entry("1") + strings.Repeat(",[]", 1000) + "]", 1, 2000},
		{"two arrays", "[" + entry("1") + "][" + entry("2") + "]", 0, 1},
		{"an array that does not end", "[" + entry("1") + ",", 0, 1},
		{"a comma too many", "[" + entry("1") + ",]", 0, 1},
		{"a comment", "[" + entry("1") + "/* */]", 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, recorder := &world{}, httptest.NewRecorder()
			w.handler().ServeHTTP(recorder, request(http.MethodPost, test.body))
			if recorder.Code != 200 || len(w.announced) != test.announced || w.notice.Refused != test.refused || len(w.notice.Reasons) > 5 {
				t.Errorf("status %d, %d announced, %d refused with %d reasons", recorder.Code, len(w.announced), w.notice.Refused, len(w.notice.Reasons))
			}
			for _, c := range w.announced {
				if c.URI != "https://api.example/"+ours+"/1" {
					t.Errorf("announced %s", c.URI)
				}
			}
			for _, reason := range w.notice.Reasons {
				if len(reason.Error()) > 200 {
					t.Errorf("a reason of %d bytes", len(reason.Error()))
				}
			}
		})
	}
}

// TestRecordedAtOnce: of very many notifications at a time some are recorded, the others
// wait, and none is turned away but by its caller's leaving.
func TestRecordedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		h := w.handler()
		var inside, most, recorded atomic.Int32
		goOn := make(chan struct{})
		h.Announce = func(context.Context, []collect.Content) ([]*collect.Claim, error) {
			most.Store(max(most.Load(), inside.Add(1)))
			<-goOn
			inside.Add(-1)
			recorded.Add(1)
			return nil, nil
		}
		h.Submit = func(context.Context, []*collect.Claim) <-chan struct{} {
			tried := make(chan struct{})
			close(tried)
			return tried
		}
		h.Report = func(context.Context, webhook.Notice) {}
		statuses := make(chan int, 200)
		ask := func(ctx context.Context) {
			recorder := httptest.NewRecorder()
			h.ServeHTTP(recorder, request(http.MethodPost, "["+entry("1")+"]").WithContext(ctx))
			statuses <- recorder.Code
		}
		for range 100 {
			go ask(t.Context())
		}
		synctest.Wait()
		if n := inside.Load(); n == 0 || n >= 100 {
			t.Errorf("%d are recorded at once", n)
		}
		leaving, leave := context.WithCancel(t.Context())
		go ask(leaving)
		synctest.Wait()
		leave()
		if status := <-statuses; status != 500 {
			t.Errorf("who left is answered %d", status)
		}
		close(goOn)
		for range 100 {
			if status := <-statuses; status != 200 {
				t.Errorf("answered %d", status)
			}
		}
		if recorded.Load() != 100 || most.Load() > 16 {
			t.Errorf("%d recorded, %d at once", recorded.Load(), most.Load())
		}
	})
}

// TestOneSecret: two headers are none, since who stands before us may look at the other.
func TestOneSecret(t *testing.T) {
	for _, headers := range [][]string{{secret, "wrong"}, {"wrong", secret}, {secret, secret}, {secret, ""}, {"", secret}, nil} {
		r := request(http.MethodPost, "["+entry("1")+"]")
		r.Header["Webhook-Authid"] = headers
		w, recorder := &world{}, httptest.NewRecorder()
		w.handler().ServeHTTP(recorder, r)
		if recorder.Code != 401 || w.announced != nil {
			t.Errorf("%q: %d, announced %v", headers, recorder.Code, w.announced)
		}
	}
}

// TestSecretsTakeOneTime: no clock is asked, because none tells. authenticate compares by
// crypto/subtle what hashing made equally long, and leaves its loops by no way but their end.
func TestSecretsTakeOneTime(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "webhook.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	hashed, compared := 0, 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "authenticate" {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				switch n.Sel.Name {
				case "Sum256":
					hashed++
				case "ConstantTimeCompare":
					compared++
				case "Equal", "EqualFold", "Compare", "HasPrefix":
					t.Errorf("authenticate uses %s", n.Sel.Name)
				}
			case *ast.RangeStmt:
				ast.Inspect(n, func(n ast.Node) bool {
					switch n.(type) {
					case *ast.ReturnStmt, *ast.BranchStmt:
						t.Error("authenticate leaves a loop early")
					}
					return true
				})
			case *ast.BinaryExpr:
				_, literal := n.Y.(*ast.BasicLit)
				if (n.Op == token.EQL || n.Op == token.NEQ) && !literal {
					t.Error("authenticate compares with an operator")
				}
			}
			return true
		})
	}
	if hashed != 2 || compared != 1 {
		t.Errorf("it hashes %d times, and compares %d times in constant time", hashed, compared)
	}
}
