# Quantiles of tests/analysis/data/survey.csv by R survey.
# Writes quantiles.json beside this script: Rscript tests/analysis/references/quantiles.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
rules <- c("math", "school", "shahvaish", paste0("hf", 1:9))
kinds <- c(woodruff = "mean", `woodruff-logit` = "xlogit", `woodruff-beta` = "beta",
           `woodruff-arcsine` = "asin")
shares <- c(0.1, 0.25, 0.5, 0.9)
countries <- sort(unique(d$country))

# Rule "shahvaish" depends on the scale of the weights: mean 1 within each part.
scaled <- function(part, rule) {
  if (rule != "shahvaish") return(part)
  part$prob <- part$prob * mean(1 / part$prob)
  part
}

# Below the share of the first answer R's rules do not give that answer; with hf3, which
# puts equal answers together, this happens here.
qrule <- function(rule) if (rule != "hf3") rule else function(x, w, p) {
  if (isTRUE(p < sum(w[x == min(x)]) / sum(w))) min(x) else survey:::qrule_hf3(x, w, p)
}

columns <- function(part, variable, rule, kind, alpha = 0.05) {
  fit <- suppressWarnings(svyquantile(
    reformulate(variable), scaled(part, rule), shares, alpha = alpha,
    interval.type = kind, qrule = qrule(rule)))[[1]]
  list(estimate = fit[, 1], low = fit[, 2], high = fit[, 3], std_error = fit[, 4])
}

designs <- list(
  complex = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d),
  finite = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                     data = d),
  simple = svydesign(~1, weights = ~1, data = d)
)
answered <- function(design, variable) design[!is.na(d[[variable]]), ]

# Many rules and a variable of its own values; many ties (items has five values).
cases <- lapply(designs, function(design) lapply(
  c(trust = "trust", items = "items"), function(variable) {
    part <- answered(design, variable)
    list(rules = sapply(rules, function(rule)
           columns(part, variable, rule, "mean"), simplify = FALSE),
         kinds = sapply(kinds, function(kind)
           columns(part, variable, "hf5", kind), simplify = FALSE),
         level_80 = columns(part, variable, "math", "beta", alpha = 0.2))
  }))

by <- sapply(countries, function(g) columns(
  subset(designs$complex, country == g & !is.na(trust)), "trust", "hf7", "xlogit"),
  simplify = FALSE)

# Joint covariance over age groups, which share clusters: covariance of the shares at or
# below the quantiles, as the total of their linearised values, over the implied slopes.
ages <- sort(unique(d$age_group))
part <- answered(designs$complex, "trust")
joint <- {
  w <- weights(part)
  each <- expand.grid(share = c(0.25, 0.5), age = ages, stringsAsFactors = FALSE)
  rows <- lapply(seq_len(nrow(each)), function(i) {
    inside <- part$variables$age_group == each$age[i]
    fit <- svyquantile(~trust, part[inside, ], each$share[i])[[1]]
    below <- as.numeric(part$variables$trust <= fit[, 1])
    share <- sum(w[inside] * below[inside]) / sum(w[inside])
    list(estimate = fit[, 1], std_error = fit[, 4],
         z = ifelse(inside, below - share, 0) / sum(w[inside]))
  })
  v <- vcov(svytotal(sapply(rows, `[[`, "z"), part))
  std_error <- sapply(rows, `[[`, "std_error")
  list(estimate = sapply(rows, `[[`, "estimate"),
       covariance = unname(cov2cor(v) * outer(std_error, std_error)))
}

# Scores at every answer, by R's variance; the limits are the first answers where they
# are at most t and -t. R's own search ends at one of the two answers beside a limit.
score <- function(part, variable, p, alpha = 0.05) {
  x <- sort(unique(part$variables[[variable]]))
  z <- sapply(x, function(theta) {
    fit <- svymean((part$variables[[variable]] > theta) - (1 - p), part)
    if (SE(fit) > 0) coef(fit) / SE(fit) else sign(coef(fit)) * Inf
  })
  t <- qt(1 - alpha / 2, degf(part))
  c(x[which(z <= t)[1]], x[which(z <= -t)[1]])
}
scores <- t(sapply(shares, function(p) score(part, "trust", p)))
simple <- answered(designs$simple, "trust")
own_scores <- columns(simple, "trust", "math", "score")

# Replicate weights of any kind; their factors are made the same way in the test.
replicates <- {
  clusters <- as.integer(factor(d$cluster, unique(d$cluster))) - 1
  factors <- outer(clusters, 0:19, function(c, r) ((7 * c + 3 * r + c %/% 5) %% 5) / 2)
  design <- suppressWarnings(svrepdesign(
    weights = ~design_weight, repweights = d$design_weight * factors, data = d,
    type = "other", scale = 1 / 20, rscales = rep(1, 20), combined.weights = TRUE))
  part <- answered(design, "trust")
  list(df = degf(design),
       t = columns(part, "trust", "hf7", "quantile"),
       woodruff = columns(part, "trust", "hf7", "mean"))
}

# Weights fitted to counts of age by gender within countries.
counts <- read.csv(file.path(here, "..", "data", "population.csv"),
                   stringsAsFactors = FALSE)
counts <- counts[counts$age_group != "", c("country", "age_group", "gender", "population")]
counts$Freq <- with(counts, population / ave(population, country, FUN = sum) *
                      tapply(d$design_weight, d$country, sum)[country])
fitted <- postStratify(designs$complex, ~country + age_group + gender, counts[, -4])
# Subsets of such designs keep every row, with weight zero, and with it what is missing.
fitted$variables[c("items", "trust")] <- lapply(
  fitted$variables[c("items", "trust")], function(y) replace(y, is.na(y), 0))

poststratified <- columns(fitted[!is.na(d$trust), ], "trust", "hf7", "mean")

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  shares = shares, cases = cases, by = by, joint = joint,
  scores = unname(scores), scores_simple = unname(t(sapply(shares, function(p)
    score(simple, "trust", p)))), own_scores = own_scores, replicates = replicates,
  poststratified = poststratified
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "quantiles.json"))
