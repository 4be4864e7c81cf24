// What the rules find and what they leave alone, as tables.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "privacy/placeholder.h"
#include "privacy/redactor.h"

namespace hone::privacy {
namespace {

std::string redact(std::string_view text) {
  static const std::unique_ptr<Redactor> redactor = Redactor::create("key").value();
  return redactor->redact(text).value();
}

// The text with each placeholder's digits as "*", so that a table can state it.
std::string shape(std::string_view text) {
  const std::string redacted = redact(text);
  std::string shaped;
  std::size_t at = 0;
  for (const Placeholder& found : find_placeholders(redacted)) {
    shaped += redacted.substr(at, found.begin - at) + "<" + std::string(found.type) + ">";
    at = found.begin + found.size;
  }
  return shaped + redacted.substr(at);
}

// Secrets are put together here, so that no scanner takes this file for a leak.
std::string join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

struct Case {
  std::string text;
  std::string expected;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(shape(c.text), c.expected) << c.text;
    EXPECT_EQ(redact(redact(c.text)), redact(c.text)) << "no fixed point: " << c.text;
  }
}

void expect_untouched(std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) EXPECT_EQ(redact(text), text);
}

TEST(Rules, FindsEmailAddresses) {
  expect_all({
      {"mail ana@example.org.", "mail <EMAIL>."},
      {"Ana <ana.b+c@mail.example.co.uk>,", "Ana <<EMAIL>>,"},
      {"'ana@example.com' \"o'neil@example.com\"", "'<EMAIL>' \"<EMAIL>\""},
      {"mailto:ana@example.com?subject=x", "mailto:<EMAIL>?subject=x"},
      {"?email=ana%40example.com&x=1", "?email=<EMAIL>&x=1"},
      {"a@x.de,b@y.de;c@z.de", "<EMAIL>,<EMAIL>;<EMAIL>"},
      {"jos\xC3\xA9@example.com", "<EMAIL>"},
      {"\xE8\xAF\xB7\xE8\x81\x94"
       "ana@example.com\xE3\x80\x82\xE8\xB0\xA2",
       "\xE8\xAF\xB7\xE8\x81\x94<EMAIL>\xE3\x80\x82\xE8\xB0\xA2"},
      {"a@x.de@y.de", "<EMAIL>"},
  });
  expect_untouched({"git@github.com:org/repo.git", "@dataclass", "user@host", "pkg@1.2.3",
                    "a @ b.c", "y = x@w.to(device)", "@types/node@18.0.0", "x@w.shape", "foo@", "@",
                    "a@b", "npm i left-pad@latest"});
}

TEST(Rules, FindsTelephoneNumbers) {
  expect_all({
      {"+49 30 901820", "<PHONE>"},
      {"+1-903-140-4508x769", "<PHONE>"},
      {"+41 (0)96 471 07 95", "<PHONE>"},
      {"+14155550132", "<PHONE>"},
      {"(415) 555-0132 or 415-555-0132", "<PHONE> or <PHONE>"},
      {"415.555.0132 ext. 12", "<PHONE>"},
      {"1-800-555-0199", "<PHONE>"},
      {"001-253-366-9781", "<PHONE>"},
      {"0490 75 40 81", "<PHONE>"},
      {"03.93.92.16.85", "<PHONE>"},
      {"(08) 8747 6301", "<PHONE>"},
      {"0961-7596216.", "<PHONE>."},
      {"call me at 467 3395", "call me at <PHONE>"},
      {"Phone:\n60-56-85-91\n", "Phone:\n<PHONE>\n"},
      {"Fax: 9498777106", "Fax: <PHONE>"},
      {"3 541-714-1388 2024", "3 <PHONE> 2024"},
  });
  expect_untouched({"1234567890",
                    "2026-11-24 06:36:00",
                    "24.11.2026 06:36",
                    "1732430160000",
                    "v1.22.333.4444",
                    "12345-67890",
                    "100-200-300",
                    "3.14159265358979",
                    "0x1234567890",
                    "00 01 02 03 04 05 06 07",
                    "48 01 02 03 04 05 06",
                    "phone: 2026-11-24",
                    "1,234,567.89",
                    "rows 10000000-20000000",
                    "f(123) 456",
                    "2^31 = 2147483648",
                    "550e8400-e29b-41d4-a716-446655440000",
                    "port 5432, 8080",
                    "+1 -2 +3",
                    "10:09:03.0123456",
                    "123-45-6789012345678",
                    "ISBN 978-3-16-148410-0",
                    "lines 120-180-240-300"});
}

TEST(Rules, FindsPaymentCards) {
  expect_all({
      {"4111 1111 1111 1111", "<CARD>"},
      {"4111-1111-1111-1111,", "<CARD>,"},
      {"4111111111111111", "<CARD>"},
      {"3782 822463 10005", "<CARD>"},
      {"5555555555554444 12/28", "<CARD> 12/28"},
      {"Maestro card 501864667909", "Maestro card <CARD>"},
      {"5105 1051 0510 5100 exp 01", "<CARD> exp 01"},
  });
  expect_untouched({"4111111111111112", "1732430160000000", "id 501864667909", "0.4111111111111111",
                    "4111111111111111.5", "a4111111111111111", "41 11 11 11 11 11 11 11",
                    "9999999999999999"});
}

TEST(Rules, FindsNetworkAddresses) {
  expect_all({
      {"from 10.20.30.40:8080", "from <IP>:8080"},
      {"user@10.20.30.40", "user@<IP>"},
      {"http://192.168.1.20/x", "http://<IP>/x"},
      {"203.0.113.7.", "<IP>."},
      {"host=198.51.100.23", "host=<IP>"},
      {"[2001:db8::8a2e:370:7334]:443", "[<IP>]:443"},
      {"6e40:4041:c617:e898:c11:40d2:c669:2eb4", "<IP>"},
      {"fe80::1ff:fe23:4567:890a", "<IP>"},
  });
  expect_untouched({"127.0.0.1",        "0.0.0.0:80",          "255.255.255.0",
                    "10.0.0.0/8",       "version 10.20.30.40", "v10.20.30.40",
                    "pkg==10.20.30.40", "lib-10.20.30.40.so",  "1.2.3.4",
                    "300.1.2.3",        "1.3.6.1.4.1.311",     "01.02.03.04",
                    "12:30:45",         "std::vector",         "::1",
                    "a::b::c",          "dead::beef",          "chrome/120.0.6099.109",
                    "std::abc::def",    "2026-11-24T06:36:00Z"});
}

TEST(Rules, FindsIbans) {
  expect_all({
      {"DE89 3704 0044 0532 0130 00", "<IBAN>"},
      {"GB59IFUE40226315499137", "<IBAN>"},
      {"my iban is gb42nawi04454264788619.", "my iban is <IBAN>."},
      {"NO93 8601 1117 947", "<IBAN>"},
  });
  expect_untouched({"DE88 3704 0044 0532 0130 00", "GB59IFUE40226315499138",
                    "ZZ89370400440532013000", "xDE89370400440532013000",
                    "DE89370400440532013000x"});
}

TEST(Rules, FindsTheCommonestCredentials) {
  const std::string base62 = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5";
  const std::string hex32 = "3f9a1c7e5b2d8046f1e3a5c7092b4d6e";
  expect_all({
      {join({"AKIA", "IOSFODNN7REALKEY"}), "<SECRET>"},
      {join({"ghp", "_", base62}), "<SECRET>"},
      {join({"gho", "_", base62}), "<SECRET>"},
      {join({"github", "_pat_", base62}), "<SECRET>"},
      {join({"glpat", "-", "aB3dE5gH7jK9mN1pQ3sT"}), "<SECRET>"},
      {join({"xoxb", "-12345678901-aB3dE5gH7jK9"}), "<SECRET>"},
      {join({"sk", "_live_", "aB3dE5gH7jK9mN1pQ3sT5vW7"}), "<SECRET>"},
      {join({"AIza", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ"}), "<SECRET>"},
      {join({"sk", "-", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5"}), "<SECRET>"},
      {join({"sk", "-proj-", base62}), "<SECRET>"},
      {join({"sk", "-ant-api03-", base62}), "<SECRET>"},
      {join({"hf", "_", "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"}), "<SECRET>"},
      {join({"npm", "_", base62}), "<SECRET>"},
      {join({"pypi", "-AgEIcHlwaS5vcmc", base62}), "<SECRET>"},
      {join({"SG", ".", "aB3dE5gH7jK9mN1pQ3sT5v", ".",
             "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5aB3dE5g"}),
       "<SECRET>"},
      {join({"SK", hex32}), "<SECRET>"},
      {join({"123456789", ":AA", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3"}), "<SECRET>"},
      {join({"eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0",
             ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r"}),
       "<SECRET>"},
      {join({"x -----BEGIN RSA PRIVATE", " KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE",
             " KEY----- y"}),
       "x <SECRET> y"},
      {join({"-----BEGIN PRIVATE", " KEY-----\nMIIEow"}), "<SECRET>"},
      {join({"AccountName=a;AccountKey=", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5aB3dE5gH7jK9==;x"}),
       "AccountName=a;AccountKey=<SECRET>;x"},
      {"postgres://app:s3cr3tpw@db.example.com/x", "postgres://app:<SECRET>@db.example.com/x"},
      {join({"hone", "_sk_", "k3m7q2zxw5ab4ncd6tuv2efhgjyprs7i"}), "<SECRET>"},
      {join({"Authorization: Bearer ", base62}), "Authorization: Bearer <SECRET>"},
      {join({"https://hooks.slack.com/services/", "T0001/B0002/aB3dE5gH7jK9mN1pQ3sT5vW7"}),
       "https://hooks.slack.com/services/<SECRET>"},
  });
}

TEST(Rules, FindsSecretsByTheNameTheyAreGiven) {
  expect_all({
      {"password = \"hunter2xyz\"", "password = \"<SECRET>\""},
      {"DB_PASSWORD=tr0ub4dor&3", "DB_PASSWORD=<SECRET>"},
      {"https://x.example/?password=tr0ub4dor&page=3",
       "https://x.example/?password=<SECRET>&page=3"},
      {"Server=db;Password=tr0ub4dor;Encrypt=true", "Server=db;Password=<SECRET>;Encrypt=true"},
      {"password: Xy7$kL&9pQ!z", "password: <SECRET>"},
      {"\"password\": \"Xy7\\\"kL9\"", "\"password\": \"<SECRET>\""},
      {"mysql --password Xy7kL9pQ -h db", "mysql --password <SECRET> -h db"},
      {"headers.set(\"X-Api-Key\", \"q8Zk2Lm9Xc4Vb7Nt\")",
       "headers.set(\"X-Api-Key\", \"<SECRET>\")"},
      {"<password>tr0ub4dor3</password>", "<password><SECRET></password>"},
      {"the API key for staging is q8Zk2Lm9Xc4Vb7Nt.", "the API key for staging is <SECRET>."},
      {"use q8Zk2Lm9Xc4Vb7Nt as the staging token", "use <SECRET> as the staging token"},
      {"client_secret=mmnfczlilwjlpuviygcwkifi", "client_secret=<SECRET>"},
      {"The password is tr0ub4dor3, sorry", "The password is <SECRET>, sorry"},
      {"\"db_password\": \"Tr0ub4dor!\"", "\"db_password\": \"<SECRET>\""},
      {"{\\\"password\\\": \\\"hunter2xyz\\\"}", "{\\\"password\\\": \\\"<SECRET>\\\"}"},
      {"api_key: aB3dE5gH7jK9mN1p", "api_key: <SECRET>"},
      {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY1a2b3c4d5e",
       "aws_secret_access_key = <SECRET>"},
      {"client-secret='q8Zk2Lm9Xc4Vb7Nt'", "client-secret='<SECRET>'"},
      {"config[\"token\"] = \"q8Zk2Lm9Xc4Vb7Nt\"", "config[\"token\"] = \"<SECRET>\""},
      {"accessKey := \"q8Zk2Lm9Xc4Vb7Nt\"", "accessKey := \"<SECRET>\""},
  });
  expect_untouched({"password = \"password\"",
                    "password: str",
                    "token = get_token()",
                    "token = tokens[0]",
                    "secret: process.env.SECRET_KEY_2",
                    "\"password\": \"<password>\"",
                    "password=${PASSWORD1}",
                    "api_key=\"YOUR_API_KEY_123\"",
                    "max_tokens: 4096",
                    "token = xmlhttprequestfactory",
                    "f(stmt=\"pass\", setup=\"pass\", timer=timer2)",
                    "if token == stringEndArchive64a9: pass",
                    "tokens = 12345678901234",
                    "key = sorted_values_by_2",
                    "password = settings.password2",
                    "primary_key: customer_id_2024",
                    "token: \"string\"",
                    "passed: 128, failed: 0",
                    "compass: north-west-12",
                    "if (key == other_key2) return",
                    "secret = None",
                    "hash_key(secret)",
                    "password: '********'",
                    "sk-loading-spinner-container-large-2",
                    "token_ids = tokenizer(text)",
                    "postgres://user:password@localhost/db"});
}

TEST(Rules, FindsCredentialsWhereProtocolsPutThem) {
  expect_all({
      {"redis://:s3cr3tpw@cache:6379/0", "redis://:<SECRET>@cache:6379/0"},
      {"mysql://root:p@ssw0rd@db.internal/x", "mysql://root:<SECRET>@db.internal/x"},
      {"mysql://root:pa/ssw0rd@db.internal/x", "mysql://root:<SECRET>@db.internal/x"},
      {"https://aB3dE5gH7jK9mN1pQ3sT@git.example.com/x", "https://<SECRET>@git.example.com/x"},
      {"curl -u deploy:tr0ub4dor https://x.example", "curl -u deploy:<SECRET> https://x.example"},
      {"Authorization: Basic YWRtaW46czNjcjN0cHc=", "Authorization: Basic <SECRET>"},
      {"authorization: token q8Zk2Lm9Xc4Vb7NtQ", "authorization: token <SECRET>"},
  });
  expect_untouched({"http://localhost:8080/a@b", "https://example.com/@user/repo",
                    "ssh://git@host/x", "docker run -u 1000:1000 http://x",
                    "http://${USER}:${PASSWORD}@host", "Basic usage: see below",
                    "bearer tokens are described in RFC 6750"});
}

TEST(Rules, FindsNationalIds) {
  expect_all({
      {"SSN 078-05-1120", "SSN <ID>"},
      {"social security number is 219099999", "social security number is <ID>"},
      {"CPF 529.982.247-25", "CPF <ID>"},
      {"756.9217.0769.85", "<ID>"},
      {"NINO: QQ123456C or AB 12 34 56 C", "NINO: QQ123456C or <ID>"},
      {"codice fiscale RSSMRA85T10A562S", "codice fiscale <ID>"},
      {"NRIC S1234567D", "NRIC <ID>"},
      {"NIE X1234567L, DNI 12345678Z", "NIE <ID>, DNI <ID>"},
      {"HETU 131052-308T", "HETU <ID>"},
      {"PESEL 44051401359", "PESEL <ID>"},
      {"BSN: 111222333", "BSN: <ID>"},
      {"steuer-id 86095742719", "steuer-id <ID>"},
      {"11010519491231002X", "<ID>"},
      {"Aadhaar 2341 2341 2346", "Aadhaar <ID>"},
      {"passport number: C01X00T47", "passport number: <ID>"},
      {"My driver's license number is 6940579", "My driver's license number is <ID>"},
  });
  expect_untouched({"000-12-3456", "666-12-3456", "44051401359", "756.9217.0769.86", "S1234567A",
                    "RSSMRA85T10A562T", "license number of the library", "passport.js 0.6.0",
                    "licensed under 2.0"});
}

TEST(Rules, FindsNetworkCardsPlacesAndSites) {
  expect_all({
      {"eth0 aa:bb:cc:dd:ee:0f up", "eth0 <MAC> up"},
      {"00-1A-2B-3C-4D-5E", "<MAC>"},
      {"lat=52.520008, lon=13.404954", "lat=<LOCATION>"},
      {"{\"latitude\": -33.868820, \"longitude\": 151.209290}", "{\"latitude\": <LOCATION>}"},
      {"gps 48.8566, 2.3522", "gps <LOCATION>"},
      {"Website:\nhttps://www.example.com/", "Website:\n<URL>"},
  });
  expect_untouched({"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "aa:bb:cc:dd:ee:ff:00",
                    "{0.1234, 0.5678}", "https://www.example.com/",
                    "see the website https://example.com/docs/x", "12:34:56:78:90"});
}

TEST(Rules, LooksIntoEncodedText) {
  expect_all({
      {"?next=https%3A%2F%2Fx.example%2F%3Fmail%3Dana%40example.com&b=1",
       "?next=https%3A%2F%2Fx.example%2F%3Fmail%3D<EMAIL>&b=1"},
      {"dsn=postgres%3A%2F%2Fapp%3As3cr3tpw%40db.internal%2Fx",
       "dsn=postgres%3A%2F%2Fapp%3A<SECRET>%40db.internal%2Fx"},
      {"\"mail\":\"ana\\u0040example.com\"", "\"mail\":\"<EMAIL>\""},
      {"\"u\":\"postgres:\\/\\/app:s3cr3tpw@db\\/x\"",
       "\"u\":\"postgres:\\/\\/app:<SECRET>@db\\/x\""},
      // {"password":"tr0ub4dor3"}
      {"config: eyJwYXNzd29yZCI6InRyMHViNGRvcjMifQ==", "config: eyJwYXNzd29yZCI6<SECRET>fQ=="},
  });
  // However it is written, it is the same value.
  const std::string plain = redact("ana@example.com");
  EXPECT_EQ(redact("ana%40example.com"), plain);
  EXPECT_EQ(redact("ana\\u0040example.com"), plain);
  expect_untouched(
      {"sha512-"
       "3tKk1BdZ8uS0gH7yQd2mVbNcXzLpRwEjT5fYaMoI9sUvHlGk4nCxBqWe6rJ0DpZ1yFtOuKiSa7mLhQvNbPgR==",
       "100%25 of a%20b", "C:\\users\\unknown", "dGhpcyBpcyBhIGhhcm1sZXNzIHNlbnRlbmNlLg=="});
}

}  // namespace
}  // namespace hone::privacy
