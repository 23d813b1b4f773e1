// Package web is the door for people in browsers: pages in German and English that
// are made on the server and need no script to be read. It has no rules of its own: it
// shows what the rooms give to the session of who asks.
//
// Every answer carries a Content-Security-Policy that lets a page run nothing but what
// came with it; every request that changes something must come from a page of ours
// (http.CrossOriginProtection), and its cookie is not sent along from other sites.
//
// No answer is kept by a browser (no-store). So that who goes back to a page that answered a
// form, or loads it again, is not asked whether to send the form once more, such a page names
// the one that has the form, and the browser's history gets that one instead. Without script
// the browser asks as it always does. The last page of a founding is the exception: its form
// has the same answer when it is sent again, and that is how lost links come back.
//
// Rooms of pages: page is the frame around all of them; own is what is one's own (sign-in,
// sessions); reading is the archive (start, search, message); office is where people are
// given access and what was done is seen.
package web
