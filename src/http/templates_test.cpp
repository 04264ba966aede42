#include "http/templates.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "http/static_files.hpp"
#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

struct Folder {
  const std::filesystem::path path = std::filesystem::path(DAYAQ_BINARY_DIR) / "http_templates_test";
  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path / "sub");
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
};

struct Pages : testing::Test {
  Folder folder;
  [[nodiscard]] std::string render(const std::string& text, const Dictionary& values) const {
    folder.write("page.html", text);
    const auto templates = Templates::load(folder.path);
    if (!templates) return templates.error().public_text;
    const auto page = templates->render("page.html", values);
    return page ? *page : page.error().detail;
  }
};

TEST_F(Pages, EscapeEachValueForThePlaceWhereItStands) {
  Dictionary values;
  values.set("TEXT", "<Əli & \"İlham\">").set("URL", "javascript:alert(1)").set("NUMBER", 42);
  EXPECT_EQ(render(R"(<p title="{{TEXT}}">{{TEXT}}</p><a href="{{URL}}">{{NUMBER}}</a>)", values),
            "<p title=\"&lt;Əli &amp; &quot;İlham&quot;&gt;\">&lt;Əli &amp; &quot;İlham&quot;&gt;</p>"
            "<a href=\"#\">42</a>");
}

TEST_F(Pages, LeaveMarkupAloneOnlyWhereTheTemplateSaysSo) {
  Dictionary values;
  values.set("MAP", "<path d=\"M 0 0\"/>");
  EXPECT_EQ(render("<svg>{{MAP:none}}</svg>{{MAP}}", values),
            "<svg><path d=\"M 0 0\"/></svg>&lt;path d=&quot;M 0 0&quot;/&gt;");
}

TEST_F(Pages, AreCompiledOnceForEachLanguage) {
  folder.write("page.html",
               R"(<p title="{{t_hello}}">{{t_hello}} {{NAME}}{{#MORE}}, {{t_more}}{{/MORE}}</p>)");
  const std::string hello = "Salam & \"xoş\"", more = "yenə";
  const std::string english = "Hello";
  const std::vector<TemplateTexts> texts{
      {"az/",
       [&](std::string_view key) { return key == "hello"  ? &hello
                                          : key == "more" ? &more
                                                          : nullptr; }},
      {"en/", [&](std::string_view key) { return key == "hello" || key == "more" ? &english : nullptr; }}};
  const auto templates = Templates::load(folder.path, texts);
  ASSERT_TRUE(templates) << templates.error().public_text;
  Dictionary values;
  values.set("NAME", "<Əli>").show("MORE");
  EXPECT_EQ(templates->render("az/page.html", values).value(),
            "<p title=\"Salam &amp; &quot;xoş&quot;\">Salam &amp; &quot;xoş&quot; &lt;Əli&gt;, yenə</p>");
  EXPECT_EQ(templates->render("en/page.html", values).value(),
            "<p title=\"Hello\">Hello &lt;Əli&gt;, Hello</p>");
  EXPECT_EQ(templates->render("page.html", values).error().code, "templates.unknown_file");
}

TEST_F(Pages, NameNoTextThatIsntThere) {
  for (const char* html : {"{{t_hallo}}", "{{t_braces}}", "{{t_hello"}) {
    folder.write("page.html", html);
    const std::string hello = "Salam", braces = "{{NAME}}";
    const TemplateTexts texts{"az/", [&](std::string_view key) {
                                return key == "hello" ? &hello : key == "braces" ? &braces : nullptr;
                              }};
    const auto templates = Templates::load(folder.path, {&texts, 1});
    ASSERT_FALSE(templates) << html;
    EXPECT_EQ(templates.error().code, "templates.text") << html;
  }
}

TEST_F(Pages, RepeatSectionsNestThemAndHideThoseNotAsked) {
  Dictionary values;
  values.set("UNIT", "min");
  for (const int n : {1, 2}) {
    Dictionary& row = values.add("ROWS");
    row.set("N", n);
    if (n == 2) row.add("CELLS").set("C", "x");
    if (n == 2) row.add("CELLS").set("C", "y");
  }
  values.show("SHOWN");
  EXPECT_EQ(render("{{#ROWS}}<li>{{N}} {{UNIT}}{{#CELLS}}[{{C}}]{{/CELLS}}</li>{{/ROWS}}"
                   "{{#SHOWN}}yes{{/SHOWN}}{{#HIDDEN}}no{{/HIDDEN}}",
                   values),
            "<li>1 min</li><li>2 min[x][y]</li>yes");
}

TEST_F(Pages, PutPartsIntoALayout) {
  folder.write("sub/part.html", "<b>{{NAME}}</b>");
  Dictionary values;
  values.include("BODY", "sub/part.html").set("NAME", "<x>");
  EXPECT_EQ(render("<main>{{>BODY}}</main>", values), "<main><b>&lt;x&gt;</b></main>");
  Dictionary wrong;
  wrong.include("BODY", "sub/missing.html");
  EXPECT_EQ(render("<main>{{>BODY}}</main>", wrong), "no template sub/missing.html");
}

TEST_F(Pages, NameTheSlipOfThePen) {
  Dictionary values;
  values.set("NMAE", "x");
  EXPECT_EQ(render("{{NAME}}", values), "no template has the marker NMAE");
}

TEST_F(Pages, AreRefusedWithTheirFileWhenTheyCannotBeCompiled) {
  EXPECT_NE(render("<p>{{#OPEN}}</p>", {}).find("page.html"), std::string::npos);
  EXPECT_NE(render("<p {{X}}=\"<", {}).find("page.html"), std::string::npos);
  EXPECT_NE(render(R"({{%AUTOESCAPE context="JSON"}}{{X}})", {}).find("pragma"), std::string::npos);
  EXPECT_NE(render("{{=<% %>=}}<%X%>", {}).find("delimiters"), std::string::npos);
  EXPECT_EQ(Templates::load(folder.path / "nowhere").error().code, "templates.folder");
}

TEST_F(Pages, AreRenderedByManyThreadsAtOnce) {
  folder.write("page.html", "{{#ROWS}}{{N}},{{/ROWS}}");
  const auto templates = Templates::load(folder.path);
  ASSERT_TRUE(templates);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Dictionary values;
      std::string expected;
      for (int i = 0; i < 50; ++i) {
        values.add("ROWS").set("N", t);
        expected += std::to_string(t) + ",";
      }
      for (int i = 0; i < 200; ++i) wrong += templates->render("page.html", values).value() != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

struct Statics : ServerFixture {};

TEST_F(Statics, MayBeCachedForEverUnderTheAddressOfTheirContent) {
  const Folder folder;
  folder.write("app.css", "body{}");
  folder.write("sub/a b.svg", "<svg/>");
  const auto files = add_static_routes(router, folder.path);
  ASSERT_TRUE(files);
  start();
  Client http = client();
  const std::string url = (*files)->url("app.css");
  const auto versioned = http.get(url);
  ASSERT_TRUE(versioned);
  EXPECT_EQ(versioned->body, "body{}");
  EXPECT_EQ(versioned->header("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(versioned->header("cache-control"), "public, max-age=31536000, immutable");
  const auto plain = http.get("/static/app.css");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->header("cache-control"), "no-cache");
  const auto again = http.get("/static/app.css", {{"If-None-Match", std::string(plain->header("etag"))}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, 304);
  EXPECT_EQ(again->body, "");
  EXPECT_EQ(http.get("/static/app.css", {{"If-None-Match", "\"other\""}})->status, 200);
  EXPECT_EQ(http.get("/static/app.css?v=0000")->header("cache-control"), "no-cache");
  EXPECT_EQ(http.get("/static/sub/a%20b.svg")->header("content-type"), "image/svg+xml");
  EXPECT_EQ(http.get("/static/../app.css")->status, 400);
  EXPECT_EQ(http.get((*files)->url("missing.css"))->status, 404);
  EXPECT_FALSE(StaticFiles::load(folder.path / "nowhere"));
}

}  // namespace
}  // namespace dayaq::http
