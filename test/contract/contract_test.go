package contract_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"siegel/test/contract"
)

// document describes one operation.
const document = `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/thing":{"post":{"operationId":"thing",
"requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","required":["a"],"additionalProperties":false,"properties":{"a":{"type":"integer"}}}}}},
"responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object","required":["b"],"additionalProperties":false,"properties":{"b":{"type":"integer"}}}}}}}}}}}`

// The contract test cannot pass by accident: requests and answers that are not as described
// are found, each of them.
func TestFinds(t *testing.T) {
	answer, status, kind := `{"b":1}`, http.StatusOK, "application/json"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document)) })
	mux.HandleFunc("POST /api/v1/thing", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	var found []string
	strict, loose := contract.Start(t, server.URL, true), contract.Start(t, server.URL, false)
	ask := func(p *contract.Proxy, body string) int {
		found = nil
		p.Watch(func(s string) { found = append(found, s) })
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/thing", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := p.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	contract.Validate(t, server.URL)
	if ask(strict, `{"a":1}`) != 0 || ask(loose, `{"a":"x"}`) != 0 {
		t.Errorf("what is as described is found: %v", found)
	}
	for what, body := range map[string]string{"a missing field": `{}`, "another type": `{"a":"x"}`, "a field too many": `{"a":1,"c":2}`} {
		if ask(strict, body) != 1 {
			t.Errorf("a request with %s passes", what)
		}
	}
	for what, change := range map[string]func(){
		"a missing field":  func() { answer = `{}` },
		"another type":     func() { answer = `{"b":"x"}` },
		"a field too many": func() { answer = `{"b":1,"c":2}` },
		"another status":   func() { status = http.StatusTeapot },
		"another kind":     func() { kind = "text/plain" },
	} {
		answer, status, kind = `{"b":1}`, http.StatusOK, "application/json"
		change()
		for name, p := range map[string]*contract.Proxy{"strict": strict, "loose": loose} {
			if ask(p, `{"a":1}`) != 1 {
				t.Errorf("an answer with %s passes (%s)", what, name)
			}
		}
	}
}
