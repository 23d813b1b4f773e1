// Package browser looks at the pages as people do: in Chromium, driven by Playwright,
// judged by axe-core, in both languages, light and dark, on a wide screen and on a
// phone. Its tests are skipped where there is no Chromium. SIEGEL_PICTURES names a folder
// for pictures of every page in every shape, SIEGEL_TOUR one for those of the documentation
// (make pictures).
package browser
