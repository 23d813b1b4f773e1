package mime_test
import ("testing";"os";"encoding/json";"siegel/internal/proto/mime";"siegel/internal/proto/mime/header")
func TestZZ(t *testing.T){
 out:=map[string]any{}
 for n,b:=range corpus(t){ m:=read(t,b,mime.Limits{}); var ps []map[string]any
  for _,p:=range m.Parts{ ps=append(ps,map[string]any{"type":p.Type,"file":p.FileName,"size":p.Size,"text":p.Text,"disp":p.Disposition,"path":p.Path})}
  d,ok:=m.Date(); ds:=""; if ok {ds=d.UTC().Format("2006-01-02T15:04:05")}
  out[n]=map[string]any{"parts":ps,"subject":header.Get(m.Fields,"Subject"),"date":ds,"from":header.Addresses(m.Fields,"From"),"to":header.Addresses(m.Fields,"To"),"id":header.MessageID(m.Fields)}
 }
 b,_:=json.Marshal(out); os.WriteFile(os.Getenv("ZZ"),b,0600)
}
