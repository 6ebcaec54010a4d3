# Means, shares and totals of tests/analysis/data/survey.csv by R survey.
# Writes estimates.json beside this script: Rscript tests/analysis/references/estimates.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$urban <- d$urban == "True"
d$approval <- factor(d$approval, c("strongly approve", "approve", "neither",
                                   "disapprove", "strongly disapprove"))

# A stratum with one cluster.
d$apart <- ifelse(d$cluster == "CN-1-1", "apart", d$stratum)
options(survey.lonely.psu = "adjust")

designs <- list(
  complex = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d),
  nested = svydesign(~psu, strata = ~stratum, weights = ~design_weight, data = d,
                     nest = TRUE),
  finite = svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                     data = d),
  single = svydesign(~cluster, strata = ~apart, weights = ~design_weight, data = d),
  clusters = svydesign(~cluster, weights = ~design_weight, data = d),
  strata = svydesign(~1, strata = ~country, weights = ~design_weight, data = d),
  simple = svydesign(~1, weights = ~1, data = d)
)

# Joint covariance of domain means: total of the linearised variables; svyby's own
# (covmat = TRUE) is beside it.
joint <- function(design, y, group) {
  w <- weights(design)
  z <- sapply(levels(group), function(g) {
    inside <- !is.na(y) & group == g
    value <- ifelse(inside, y, 0)
    ifelse(inside, value - sum(w * value) / sum(w[inside]), 0) / sum(w[inside])
  })
  unname(vcov(svytotal(z, design)))
}

# Joint covariance of all shares in all groups, in the order group, category.
joint_shares <- function(design, y, group) {
  w <- weights(design)
  z <- do.call(cbind, lapply(levels(group), function(g) {
    inside <- !is.na(y) & group == g
    sapply(levels(y), function(category) {
      share <- sum(w[inside] * (y[inside] == category)) / sum(w[inside])
      ifelse(inside, (y == category) - share, 0) / sum(w[inside])
    })
  }))
  z[is.na(z)] <- 0
  unname(vcov(svytotal(z, design)))
}

statistic <- function(fit, df) list(
  estimate = unname(coef(fit)), std_error = unname(SE(fit)), df = df,
  conf = unname(confint(fit, df = df)), deff = unname(deff(fit)))

cases <- lapply(designs, function(design) {
  trust <- subset(design, !is.na(trust))
  urban <- subset(design, urban & !is.na(trust))
  aware <- subset(design, !is.na(aware))
  list(
    mean = statistic(svymean(~trust, trust, deff = "replace"), degf(trust)),
    total = statistic(svytotal(~trust, trust, deff = "replace"), degf(trust)),
    binary = statistic(svymean(~aware, aware, deff = "replace"), degf(aware)),
    domain = statistic(svymean(~trust, urban, deff = "replace"), degf(urban)),
    domain_total = statistic(svytotal(~trust, urban, deff = "replace"), degf(urban)),
    by = list(
      estimate = svyby(~trust, ~country, trust, svymean)$trust,
      std_error = unname(SE(svyby(~trust, ~country, trust, svymean))),
      deff = svyby(~trust, ~country, trust, svymean, deff = "replace")$DEff.trust,
      df = sapply(sort(unique(d$country)),
                  function(g) degf(subset(trust, country == g)), USE.NAMES = FALSE),
      covariance = joint(design, d$trust, factor(d$country))),
    # Age groups share clusters: their covariances are not zero.
    by_age = list(
      estimate = svyby(~trust, ~age_group, trust, svymean)$trust,
      std_error = unname(SE(svyby(~trust, ~age_group, trust, svymean))),
      covariance = joint(design, d$trust, factor(d$age_group))),
    by_age_covmat = {
      fit <- svyby(~trust, ~age_group, trust, svymean, covmat = TRUE)
      list(estimate = unname(coef(fit)), covariance = unname(vcov(fit)))
    },
    by_two = list(
      estimate = svyby(~trust, ~gender + country, trust, svymean)$trust,
      std_error = unname(SE(svyby(~trust, ~gender + country, trust, svymean)))),
    total_by = list(
      estimate = svyby(~trust, ~country, trust, svytotal)$trust,
      std_error = unname(SE(svyby(~trust, ~country, trust, svytotal)))),
    shares = {
      answered <- subset(design, !is.na(approval))
      fit <- svymean(~approval, answered, deff = "replace")
      list(estimate = unname(coef(fit)), covariance = unname(vcov(fit)),
           deff = unname(deff(fit)), df = rep(degf(answered), 5))
    },
    shares_by = list(
      estimate = as.vector(t(as.matrix(
        svyby(~approval, ~country, subset(design, !is.na(approval)), svymean)[, 2:6]))),
      std_error = as.vector(t(as.matrix(
        SE(svyby(~approval, ~country, subset(design, !is.na(approval)), svymean))))),
      covariance = joint_shares(design, d$approval, factor(d$country)))
  )
})

# Wilson's interval as survey 4.5 makes it: a t quantile, and n as p (1 - p) / variance.
wilson <- function(p, n, t) {
  middle <- (p + t^2 / (2 * n)) / (1 + t^2 / n)
  margin <- t / (1 + t^2 / n) * sqrt(p * (1 - p) / n + t^2 / (4 * n^2))
  c(middle - margin, middle + margin)
}

countries <- sort(unique(d$country))
intervals <- lapply(designs[c("complex", "finite", "strata")], function(design) {
  each <- function(level, make) t(sapply(countries, function(g)
    make(subset(design, country == g & !is.na(aware)), level), USE.NAMES = FALSE))
  by_method <- function(method) function(part, level) as.vector(
    confint(svyciprop(~aware, part, method = method, level = level)))
  list(
    logit = each(0.95, by_method("logit")),
    logit_90 = each(0.90, by_method("logit")),
    beta = each(0.95, by_method("beta")),
    beta_90 = each(0.90, by_method("beta")),
    wilson = each(0.95, function(part, level) {
      fit <- svymean(~aware, part)
      p <- coef(fit)[[1]]
      wilson(p, p * (1 - p) / vcov(fit)[[1]], qt((1 + level) / 2, degf(part)))
    }))
})

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  cases = cases, intervals = intervals
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "estimates.json"))
