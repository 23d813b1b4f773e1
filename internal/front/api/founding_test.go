package api_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"siegel/test/stand"
)

// EX-18: a tenant is founded with the operator's code, which serves once, by a kit whose
// words come back; where the answer got lost the same request gets it once more, and no
// other does.
func TestFounding(t *testing.T) {
	s := newSite(t)
	invited, err := s.app.Ceremony.Invite(s.Context())
	s.ok(err)
	c := s.client()
	plan := func(change ...any) object {
		o := object{
			"code": invited.Code, "name": "Praxis", "domains": []string{"praxis.example"}, "administrators": []string{"it@praxis.example"},
			"keepers": []string{"k1@praxis.example", "k2@praxis.example"}, "readers": []string{"r1@praxis.example"},
		}
		for i := 0; i < len(change); i += 2 {
			o[str(change[i])] = change[i+1]
		}
		return o
	}
	c.is("another code", c.post("/foundings/kit", plan("code", "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa")), http.StatusForbidden, "denied")
	c.is("no code", c.post("/foundings/kit", plan("code", "x")), http.StatusUnprocessableEntity, "invalid")
	c.is("a reader elsewhere", c.post("/foundings/kit", plan("readers", []string{"r@a.example"})), http.StatusUnprocessableEntity, "invalid")
	c.is("a domain that is taken", c.post("/foundings/kit", plan("domains", []string{stand.Domain}, "readers", []string{})), http.StatusConflict, "conflict")
	kit := c.post("/foundings/kit", plan())
	c.is("the kit", kit, http.StatusCreated, "")
	file, err := base64.StdEncoding.DecodeString(kit.str("file"))
	if err != nil || !strings.HasPrefix(string(file), "age-encryption.org/v1") {
		t.Errorf("the file of the kit: %v %.60q", err, file)
	}
	list, _ := kit.body["words"].([]any)
	asked, _ := kit.body["asked"].([]any)
	if len(asked) != 2 {
		t.Fatalf("%d words are asked for", len(asked))
	}
	var words []string
	for _, at := range asked {
		n, _ := at.(float64)
		words = append(words, str(list[int(n)-1]))
	}
	id := kit.str("id")
	c.is("a kit that is none", c.post("/foundings", plan("kit", "x", "words", words)), http.StatusNotFound, "not-found")
	c.is("another kit", c.post("/foundings", plan("kit", strings.Repeat("0", 32), "words", words)), http.StatusNotFound, "not-found")
	wrong := c.post("/foundings", plan("kit", id, "words", []string{"wrong", words[1]}))
	c.is("a wrong word", wrong, http.StatusUnprocessableEntity, "invalid")
	if strings.Contains(wrong.text, words[0]) {
		t.Error("the word is said")
	}
	key := with("Idempotency-Key", "found")
	done := c.direct().post("/foundings", plan("kit", id, "words", words), key)
	c.is("founded", done, http.StatusCreated, "")
	people, _ := done.body["invitations"].([]any)
	if len(people) != 4 || done.str("name") != "Praxis" {
		t.Fatal(done.text)
	}
	c.is("the same once more, through Prism", c.post("/foundings", plan("kit", id, "words", words)), http.StatusCreated, "")
	again := c.direct().post("/foundings", plan("kit", id, "words", words), key)
	c.is("the same once more", again, http.StatusCreated, "")
	if again.text != done.text || again.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the answer is another one: %s %s", done.text, again.text)
	}
	c.is("with another word", c.post("/foundings", plan("kit", id, "words", []string{"wrong", words[1]})), http.StatusForbidden, "denied")
	c.is("with another kit", c.post("/foundings", plan("kit", strings.Repeat("0", 32), "words", words)), http.StatusForbidden, "denied")
	c.is("of another name", c.post("/foundings", plan("kit", id, "words", words, "name", "Kanzlei")), http.StatusForbidden, "denied")
	c.is("a kit with the used code", c.post("/foundings/kit", plan()), http.StatusForbidden, "denied")
	for _, one := range people {
		p, _ := one.(map[string]any)
		if p["email"] == "k1@praxis.example" {
			taken := c.post("/invitations/accept", object{"tenant": "Praxis", "email": p["email"], "code": p["code"], "password": stand.Password})
			c.is("an invitation", taken, http.StatusNoContent, "")
		}
	}
	k := s.client()
	k.is("the keeper", k.post("/sessions", object{"email": "k1@praxis.example", "password": stand.Password}), http.StatusCreated, "")
	if got := k.get("/people"); len(got.items()) != 4 || strings.Contains(got.text, stand.Reader) {
		t.Errorf("the people of the new tenant: %s", got.text)
	}
}
