"""The pages: the dial, a study, a decision, the outlook and the lessons, served or as one file.

    assemble    small modules into one script, without a build step
    app         the one HTML file that holds the pages, their data and the program that draws
    static/     the page's own modules (core/ for all, a folder a page) and styles

The browser computes; a server, where there is one, hands out data. A page asks nothing of any network: its policy says
so to the browser, and allows no script but those whose hashes it names.
"""
