// A corpus of made-up secrets, each format in eight contexts: how many are found, whether whole,
// and how much else is touched. The generator is here, so that no file holds anything that looks
// like a leak.
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "privacy/encoding.h"
#include "privacy/redactor.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

constexpr int kRounds = 3;  // of each format in each context

std::string letters_of(char alphabet) {
  std::string all;
  for (int c = 0x21; c < 0x7F; ++c) {
    // "x" may hold what is encoded already, which the URL context would encode again.
    const bool stray = alphabet == 'x' && (c == '%' || c == '=' || c == '~' || c == '+');
    const bool padding = alphabet == 'b' && c == '=';
    const bool dot = (alphabet == 't' || alphabet == 'e') && (c == '.' || c == '=');
    if (belongs(alphabet, static_cast<char>(c)) && !stray && !padding && !dot)
      all += static_cast<char>(c);
  }
  return all;
}

std::string draw(Random& random, std::string_view alphabet, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += alphabet[random.below(alphabet.size())];
  return text;
}

// A value of the form "{h32}-us{d1,2}"; an open run gets eight more than it needs.
std::string instance(Random& random, std::string_view shape) {
  std::string text;
  for (std::size_t at = 0; at < shape.size(); ++at) {
    if (shape[at] != '{') {
      text += shape[at];
      continue;
    }
    const char alphabet = shape[at + 1];
    const std::size_t close = shape.find('}', at);
    const std::string bounds(shape.substr(at + 2, close - at - 2));
    const std::size_t comma = bounds.find(',');
    const std::size_t min = std::stoul(bounds);
    const std::size_t max = comma == std::string::npos   ? min
                            : comma + 1 == bounds.size() ? min + 8
                                                         : std::stoul(bounds.substr(comma + 1));
    text += draw(random, letters_of(alphabet), min + random.below(max - min + 1));
    at = close;
  }
  return text;
}

// What is made up by turning one of these is as good as issued, but for where a name is all there
// is.
struct Format {
  std::string name;   // of the variable that holds it
  std::string words;  // what people call it
  std::string shape;
  std::string secret = "";  // the part of it that is secret; empty: all
};

// Known by nothing but their names.
const std::vector<Format>& named_formats() {
  static const std::vector<Format> formats = {
      {"AWS_SECRET_ACCESS_KEY", "AWS secret access key", "{b40}"},
      {"AWS_SESSION_TOKEN", "session token", "{b200}"},
      {"AZURE_CLIENT_SECRET", "client secret", "{u34}"},
      {"HEROKU_API_KEY", "Heroku API key", "{h8}-{h4}-{h4}-{h4}-{h12}"},
      {"DATADOG_API_KEY", "Datadog API key", "{h32}"},
      {"DD_APP_KEY", "Datadog app key", "{h40}"},
      {"TWILIO_AUTH_TOKEN", "Twilio auth token", "{h32}"},
      {"CLOUDFLARE_API_TOKEN", "Cloudflare API token", "{u40}"},
      {"CLOUDFLARE_API_KEY", "Cloudflare API key", "{h37}"},
      {"ALGOLIA_API_KEY", "Algolia API key", "{h32}"},
      {"FASTLY_API_TOKEN", "Fastly API token", "{u32}"},
      {"OKTA_API_TOKEN", "Okta API token", "00{u40}"},
      {"DISCORD_BOT_TOKEN", "Discord bot token", "M{w25}.{u6}.{u38}"},
      {"SPOTIFY_CLIENT_SECRET", "Spotify client secret", "{h32}"},
      {"TWITCH_CLIENT_SECRET", "Twitch client secret", "{l30}"},
      {"TWITTER_API_SECRET", "Twitter API secret", "{w50}"},
      {"TRAVIS_TOKEN", "Travis token", "{w22}"},
      {"CODECOV_TOKEN", "Codecov token", "{h8}-{h4}-{h4}-{h4}-{h12}"},
      {"JENKINS_API_TOKEN", "Jenkins API token", "11{h32}"},
      {"POSTMARK_SERVER_TOKEN", "Postmark server token", "{h8}-{h4}-{h4}-{h4}-{h12}"},
      {"SPARKPOST_API_KEY", "SparkPost API key", "{h40}"},
      {"ROLLBAR_ACCESS_TOKEN", "Rollbar access token", "{h32}"},
      {"BUGSNAG_API_KEY", "Bugsnag API key", "{h32}"},
      {"PAGERDUTY_API_KEY", "PagerDuty API key", "{u20}"},
      {"OPSGENIE_API_KEY", "Opsgenie API key", "{h8}-{h4}-{h4}-{h4}-{h12}"},
      {"MIXPANEL_API_SECRET", "Mixpanel API secret", "{h32}"},
      {"AMPLITUDE_API_KEY", "Amplitude API key", "{h32}"},
      {"ZENDESK_API_TOKEN", "Zendesk API token", "{w40}"},
      {"FRESHDESK_API_KEY", "Freshdesk API key", "{w20}"},
      {"MESSAGEBIRD_ACCESS_KEY", "MessageBird access key", "{w25}"},
      {"VONAGE_API_SECRET", "Vonage API secret", "{w16}"},
      {"COINBASE_API_SECRET", "Coinbase API secret", "{w32}"},
      {"BINANCE_API_KEY", "Binance API key", "{w64}"},
      {"KRAKEN_API_SECRET", "Kraken API secret", "{b86}"},
      {"ETHERSCAN_API_KEY", "Etherscan API key", "{A34}"},
      {"COHERE_API_KEY", "Cohere API key", "{w40}"},
      {"MISTRAL_API_KEY", "Mistral API key", "{w32}"},
      {"DEEPGRAM_API_KEY", "Deepgram API key", "{h40}"},
      {"HETZNER_API_TOKEN", "Hetzner API token", "{w64}"},
      {"LINODE_TOKEN", "Linode token", "{h64}"},
      {"VULTR_API_KEY", "Vultr API key", "{A36}"},
      {"CONFLUENT_API_SECRET", "Confluent API secret", "{b64}"},
      {"LOOKER_CLIENT_SECRET", "Looker client secret", "{l24}"},
      {"SNOWFLAKE_PASSWORD", "Snowflake password", "{w16}"},
      {"DB_PASSWORD", "database password", "{w10}7x"},
      {"SMTP_PASSWORD", "SMTP password", "{w8}!{w5}#9"},
      {"ROOT_PASSWORD", "root password", "{w6}${w4}&{w3}1"},
      {"DJANGO_SECRET_KEY", "Django secret key", "{w25}@{w12}#{w12}"},
      {"JWT_SECRET", "JWT secret", "{w40}"},
      {"SESSION_SECRET", "session secret", "{h64}"},
      {"ENCRYPTION_KEY", "encryption key", "{b43}="},
      {"MASTER_KEY", "master key", "{h32}"},
      {"WEBHOOK_SECRET", "webhook secret", "{w32}"},
      {"DATABASE_URL", "database URL", "postgres://app:{w18}@db.internal:5432/orders", "password"},
      {"MONGO_URL", "connection string", "mongodb+srv://svc:{w20}@cluster0.example.net/app",
       "password"},
      {"REDIS_URL", "cache URL", "redis://:{w24}@cache.internal:6379/0", "password"},
      {"AMQP_URL", "broker URL", "amqp://worker:{w16}@mq.internal/jobs", "password"},
      {"MYSQL_URL", "database URL", "mysql://root:{w14}@10.1.2.3/shop", "password"},
      {"PROXY_URL", "proxy URL", "https://build:{w20}@proxy.example.com:3128", "password"},
      {"JDBC_URL", "JDBC URL", "jdbc:postgresql://db/app?user=app&password={w20}", "password"},
      {"MSSQL_DSN", "connection string",
       "Server=db;Database=app;User Id=sa;Password={w18};Encrypt=true", "password"},
      {"AZURE_STORAGE", "connection string",
       "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={b86}==;EndpointSuffix=core."
       "windows.net",
       "key"},
      {"AUTH_HEADER", "header", "Authorization: Bearer {u48}", "bearer"},
      {"BASIC_HEADER", "header", "Authorization: Basic BASE64", "basic"},
      {"SIGNED_URL", "link", "https://files.example.com/r.pdf?access_token={w40}", "token"},
      {"JWT", "token", "eyJhbGciOiJIUzI1NiJ9.eyJ{w60}.{u43}"},
  };
  return formats;
}

struct Secret {
  std::string text;       // as it stands
  std::size_t begin = 0;  // the part that must not stay
  std::size_t end = 0;
};

Secret make_secret(Random& random, const Format& format) {
  Secret secret;
  secret.text = instance(random, format.shape);
  const std::size_t basic = secret.text.find("BASE64");
  if (basic != std::string::npos) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::string plain = "deploy:" + draw(random, letters_of('w'), 17);
    std::string encoded;
    for (std::size_t i = 0; i < plain.size(); i += 3) {
      const unsigned bits = (static_cast<unsigned>(plain[i]) << 16) |
                            (static_cast<unsigned>(plain[i + 1]) << 8) |
                            static_cast<unsigned>(plain[i + 2]);
      for (unsigned shift = 18; shift < 24; shift -= 6) encoded += kAlphabet[(bits >> shift) & 63U];
    }
    secret.text.replace(basic, 6, encoded);
  }
  secret.end = secret.text.size();
  const auto after = [&](std::string_view mark) {
    secret.begin = secret.text.find(mark) + mark.size();
  };
  if (format.secret == "password" && format.shape.find("assword=") != std::string::npos) {
    after("assword=");
    secret.end = std::min(secret.text.find(';', secret.begin), secret.text.size());
  } else if (format.secret == "password") {
    secret.begin = secret.text.find(':', secret.text.find("://") + 3) + 1;
    secret.end = secret.text.rfind('@');
  } else if (format.secret == "key") {
    after("AccountKey=");
    secret.end = secret.text.find(';', secret.begin);
  } else if (format.secret == "bearer") {
    after("Bearer ");
  } else if (format.secret == "basic") {
    after("Basic ");
  } else if (format.secret == "token") {
    after("access_token=");
  } else if (const std::size_t bar = format.shape.find('|'); bar != std::string::npos) {
    secret.text.erase(bar, 1);
    secret.begin = bar;
    --secret.end;
  }
  return secret;
}

enum Context { kEnv, kCode, kJson, kShell, kLog, kYaml, kUrl, kProse, kContexts };
constexpr std::array<std::string_view, kContexts> kContextNames = {"env", "code", "JSON", "shell",
                                                                   "log", "YAML", "URL",  "prose"};

std::string lower_name(const std::string& name) {
  return lower_case(name);
}

struct Sample {
  std::string text;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// `encode` may make one character into several.
template <typename Encode>
Sample put(const std::string& before, const Secret& secret, const std::string& after,
           Encode encode) {
  Sample sample{before, 0, 0};
  for (std::size_t i = 0; i < secret.text.size(); ++i) {
    if (i == secret.begin) sample.begin = sample.text.size();
    sample.text += encode(secret.text[i]);
    if (i + 1 == secret.end) sample.end = sample.text.size();
  }
  sample.text += after;
  return sample;
}

std::string plain(char c) {
  return {c};
}

std::string json_escape(char c) {
  return c == '"' || c == '\\' ? std::string{'\\', c} : c == '/' ? "\\/" : std::string{c};
}

std::string percent(char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  if (is_word(c) || c == '-' || c == '.' || c == '~') return {c};
  const auto byte = static_cast<unsigned char>(c);
  return {'%', kHex[byte >> 4], kHex[byte & 15U]};
}

Sample place(Context context, const Format& format, const Secret& secret) {
  const std::string name = lower_name(format.name);
  switch (context) {
    case kEnv:
      return put("PORT=8080\nLOG_LEVEL=info\n" + format.name + "=", secret,
                 "\nREGION=eu-central-1\n", plain);
    case kCode:
      return put("import client\n\ndef connect():\n    " + name + " = \"", secret,
                 "\"\n    return client.open(region=\"eu\", retries=3)\n", plain);
    case kJson:
      return put("{\"id\": 7, \"region\": \"eu\", \"" + name + "\": \"", secret,
                 "\", \"retries\": 3, \"tags\": [\"a\", \"b\"]}\n", json_escape);
    case kShell:
      return put("set -e\nexport " + format.name + "='", secret,
                 "'\n./deploy --region eu --retries 3\n", plain);
    case kLog:
      return put("2026-11-24T06:36:00.123Z INFO worker-3 request accepted " + name + "=", secret,
                 " status=200 took=31ms\n", plain);
    case kYaml:
      return put("service:\n  region: eu\n  " + name + ": ", secret, "\n  retries: 3\n", plain);
    case kUrl:
      return put("GET https://api.example.com/v1/items?limit=10&" + name + "=", secret,
                 "&sort=asc HTTP/1.1\n", percent);
    default:
      return put("Hi, for the migration tonight the " + format.words + " is ", secret,
                 " and we should rotate it next week, when everybody is back.\n", plain);
  }
}

struct Tally {
  std::size_t made = 0;
  std::size_t whole = 0;
};

struct Count {
  std::map<std::string, Tally> by_format;
  std::array<Tally, kContexts> by_context;
  std::size_t others = 0;   // characters that are no secret
  std::size_t touched = 0;  // of them
};

void judge(const Sample& sample, const Format& format, Context context, Count& result) {
  static const auto redactor = Redactor::create("key").value();
  const auto redaction = redactor->explain(sample.text);
  ASSERT_TRUE(redaction) << redaction.error().message;
  ASSERT_EQ(redactor->redact(redaction->text).value(), redaction->text) << sample.text;
  bool whole = false;
  for (const Replaced& one : redaction->replaced) {
    const auto& finding = one.finding;
    whole = whole || (finding.begin <= sample.begin && finding.end >= sample.end);
    const std::size_t begin = std::max(finding.begin, sample.begin);
    const std::size_t end = std::min(finding.end, sample.end);
    result.touched += finding.end - finding.begin - (end > begin ? end - begin : 0);
  }
  result.others += sample.text.size() - (sample.end - sample.begin);
  ++result.by_format[format.name].made;
  ++result.by_context.at(context).made;
  if (whole) {
    ++result.by_format[format.name].whole;
    ++result.by_context.at(context).whole;
  } else {
    std::cout << "missed in " << kContextNames.at(context) << ": "
              << sample.text.substr(sample.begin, sample.end - sample.begin) << "\n";
  }
}

TEST(Corpus, SecretsOfEachFormatAreFoundWholeInEachContext) {
  Random random(20261127);
  std::vector<Format> formats = named_formats();
  for (const TokenFormat& format : token_formats()) {
    formats.push_back({"SERVICE_VALUE", "thing", std::string(format.shape.text())});
  }
  Count result;
  for (const Format& format : formats) {
    for (int context = 0; context < kContexts; ++context) {
      for (int round = 0; round < kRounds; ++round) {
        const Secret secret = make_secret(random, format);
        judge(place(static_cast<Context>(context), format, secret), format,
              static_cast<Context>(context), result);
      }
    }
  }
  Tally all;
  for (std::size_t context = 0; context < kContexts; ++context) {
    const Tally& tally = result.by_context.at(context);
    std::cout << kContextNames.at(context) << ": " << tally.whole << " of " << tally.made << "\n";
    all.made += tally.made;
    all.whole += tally.whole;
  }
  std::cout << formats.size() << " formats, " << all.whole << " of " << all.made << " found whole; "
            << result.touched << " of " << result.others << " other characters touched\n";
  EXPECT_GE(all.whole * 100, all.made * 99);
  EXPECT_LE(result.touched * 100, result.others * 2);
}

}  // namespace
}  // namespace hone::privacy
