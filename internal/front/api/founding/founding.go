// Package founding has the operations of the founding ceremony, for whom the operator has
// given a code, which serves once. What they answer has secrets: what is kept of it opens
// only with the code and the kit together, and the same request gets the same answer for an
// hour.
package founding

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
	"siegel/internal/identity/ceremony"
	"siegel/internal/mail"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Ceremony *ceremony.Room
}

type room struct {
	*operation.Door
	Deps
}

// Plan is what a tenant shall be.
type Plan struct {
	Code           string   `json:"code" minLength:"1" maxLength:"200" doc:"The code that the operator has made with siegel tenant ceremony. It serves once, within a day."`
	Name           string   `json:"name" minLength:"1" maxLength:"100" example:"example" doc:"The name of the tenant."`
	Domains        []string `json:"domains" minItems:"1" maxItems:"1000" example:"a.example" doc:"Its domains: their mail is taken."`
	Administrators []string `json:"administrators" minItems:"1" maxItems:"1000" example:"it@a.example" doc:"Sign-in addresses of those who manage people and sources, and read nothing."`
	Keepers        []string `json:"keepers" minItems:"1" maxItems:"2" example:"keeper@a.example" doc:"Sign-in addresses of those who hold the archive and decide who gets access: two are better than one."`
	Auditors       []string `json:"auditors,omitempty" maxItems:"1000" doc:"Sign-in addresses of those who read the archive."`
	Readers        []string `json:"readers,omitempty" maxItems:"1000" doc:"Sign-in addresses of those who read their own mail, in the tenant's domains."`
}

func (p Plan) founding() identity.Founding {
	f := identity.Founding{
		Name: p.Name, Administrators: addresses(p.Administrators), Keepers: addresses(p.Keepers), Auditors: addresses(p.Auditors), Readers: addresses(p.Readers),
	}
	for _, d := range p.Domains {
		f.Domains = append(f.Domains, mail.NewDomain(d))
	}
	return f
}

func addresses(texts []string) (list []mail.Address) {
	for _, s := range texts {
		list = append(list, mail.NewAddress(s))
	}
	return list
}

type kitIn struct {
	Body Plan
}

type kitOut struct {
	Body struct {
		ID    string   `json:"id" minLength:"32" maxLength:"32" doc:"By this the founding names the kit, which waits for an hour. It is a secret: with the code it opens what the server keeps of the kit."`
		File  string   `json:"file" contentEncoding:"base64" maxLength:"20000" doc:"The file of the kit, in base64: keep it as siegel-recovery-DOMAIN.age. It is shown this once."`
		Words []string `json:"words" maxItems:"100" doc:"The words that open the file, joined by single spaces. They are shown this once: keep them apart from the file."`
		Asked []int    `json:"asked" maxItems:"10" doc:"Which of the words the founding wants back, counted from 1."`
	}
}

type foundIn struct {
	Body struct {
		Plan

		Kit   string   `json:"kit" minLength:"1" maxLength:"100" doc:"id of the recovery kit."`
		Words []string `json:"words" minItems:"1" maxItems:"10" example:"lusab" doc:"The words of the kit that are asked for, in the order of asked."`
	}
}

type foundOut struct {
	Body struct {
		ID          string    `json:"id" minLength:"32" maxLength:"32" doc:"The tenant's id."`
		Name        string    `json:"name" maxLength:"100" doc:"Its name."`
		Domains     []string  `json:"domains" maxItems:"1000" doc:"Its domains."`
		Invitations []invited `json:"invitations" maxItems:"4000" doc:"One for each person."`
	}
}

// invited is a code for a person.
type invited struct {
	Email string `json:"email" maxLength:"998" doc:"The address by which the person signs in."`
	Role  string `json:"role" enum:"administrator,compliance,auditor,reader" doc:"What she may do."`
	Code  string `json:"code" maxLength:"200" doc:"With it the person sets her password. Give it to her in a way that nobody else reads."`
}

// Mount adds the operations.
func Mount(door *operation.Door, d Deps) {
	r := &room{door, d}
	kind := operation.Kind{Open: true, Errors: []int{http.StatusConflict}}
	operation.Register(r.Door, huma.Operation{
		OperationID: "make-kit", Method: http.MethodPost, Path: "/foundings/kit", Tags: []string{"foundings"}, DefaultStatus: http.StatusCreated, Summary: operation.Tell("Make a recovery kit"),
		Description: operation.Tell("The first step: it checks that the tenant can be founded, and makes the kit that opens its archive when nobody else can. The server keeps neither file nor words: what it keeps for an hour, at every node, opens only with the code and the kit's id."),
	}, kind, r.kit)
	kind.Errors = append(kind.Errors, http.StatusNotFound)
	operation.Register(r.Door, huma.Operation{
		OperationID: "found-tenant", Method: http.MethodPost, Path: "/foundings", Tags: []string{"foundings"}, DefaultStatus: http.StatusCreated, Summary: operation.Tell("Found a tenant"),
		Description: operation.Tell("The second step. Where it is refused the code and the kit serve again. Where its answer gets lost, the same asked for once more gets the same answer, for an hour."),
	}, kind, r.found)
}

func (r *room) kit(ctx context.Context, _ *operation.Call, in *kitIn) (*kitOut, error) {
	k, err := r.Ceremony.Kit(ctx, in.Body.Code, in.Body.founding())
	if err != nil {
		return nil, err
	}
	out := new(kitOut)
	b := &out.Body
	b.ID, b.File, b.Words, b.Asked = k.ID.String(), base64.StdEncoding.EncodeToString(k.File), k.Words, k.WordsAsked
	return out, nil
}

func (r *room) found(ctx context.Context, _ *operation.Call, in *foundIn) (*foundOut, error) {
	f := in.Body.founding()
	f.Kit, _ = mail.ParseID(in.Body.Kit) // what is no id is that of no kit
	f.Words = in.Body.Words
	done, err := r.Ceremony.Found(ctx, in.Body.Code, f)
	if err != nil {
		return nil, err
	}
	out := new(foundOut)
	b := &out.Body
	b.ID, b.Name, b.Domains, b.Invitations = done.Tenant.ID.String(), done.Tenant.Name, []string{}, []invited{}
	for _, d := range done.Tenant.Domains {
		b.Domains = append(b.Domains, d.String())
	}
	for _, i := range done.Invitations {
		b.Invitations = append(b.Invitations, invited{i.Email.String(), string(i.Role), i.Code})
	}
	return out, nil
}
