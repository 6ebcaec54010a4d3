# Several stages, strata of one cluster and design effects by R survey, on survey.csv.
# Writes variance.json beside this script: Rscript tests/analysis/references/variance.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
d$urban <- d$urban == "True"
d$approval <- factor(d$approval, c("strongly approve", "approve", "neither",
                                   "disapprove", "strongly disapprove"))

# Streets of up to four respondents in each cluster; in psu 2 all streets were drawn,
# in psu 3 all people of the last street.
number <- ave(seq_len(nrow(d)), d$cluster, FUN = seq_along) - 1
d$street <- number %/% 4
n_streets <- ave(d$street, d$cluster, FUN = max) + 1
d$n_streets <- n_streets * ifelse(d$psu == 2, 1, 3)
on_street <- ave(number, d$cluster, d$street, FUN = length)
alone <- on_street == 1
d$n_people <- ifelse(alone | (d$psu == 3 & d$street == n_streets - 1), on_street,
                     on_street + d$psu)
d$n_adults <- ave(number, d$cluster, FUN = length) * 2
d$person <- seq_len(nrow(d))

# Strata of one cluster: one whose only cluster was sure to be drawn, one not.
d$apart <- ifelse(d$cluster == "CN-1-1", "apart",
                  ifelse(d$cluster == "DE-2-1", "sure", d$stratum))
d$n_apart <- ifelse(d$apart == "apart", 5, ifelse(d$apart == "sure", 1, d$n_psu))

estimates <- function(design) {
  trust <- subset(design, !is.na(trust))
  answered <- subset(design, !is.na(approval))
  urban <- subset(design, urban & psu < 3 & !is.na(trust))
  statistic <- function(fit) list(estimate = unname(coef(fit)),
                                  covariance = unname(vcov(fit)), deff = unname(deff(fit)))
  by <- svyby(~trust, ~country, trust, svymean)
  by_age <- svyby(~trust, ~age_group, trust, svymean, covmat = TRUE)
  list(
    mean = c(statistic(svymean(~trust, trust, deff = TRUE)), df = degf(trust)),
    total = statistic(svytotal(~trust, trust, deff = TRUE)),
    domain = c(statistic(svymean(~trust, urban, deff = TRUE)), df = degf(urban)),
    # In this domain every stratum has one cluster.
    first = {
      part <- subset(design, psu == 1 & !is.na(trust))
      c(statistic(svymean(~trust, part, deff = TRUE)), df = degf(part))
    },
    shares = statistic(svymean(~approval, answered, deff = TRUE)),
    by = list(estimate = by$trust, std_error = unname(SE(by))),
    by_age = list(estimate = by_age$trust, covariance = unname(vcov(by_age))))
}

designs <- list(
  two_stages = svydesign(~cluster + person, strata = ~stratum,
                         fpc = ~n_psu + n_adults, weights = ~design_weight, data = d),
  three_stages = svydesign(~cluster + street + person, strata = ~stratum,
                           fpc = ~n_psu + n_streets + n_people,
                           weights = ~design_weight, data = d, nest = TRUE),
  no_strata = svydesign(~cluster + person, fpc = ~n_all + n_adults,
                        weights = ~design_weight,
                        data = transform(d, n_all = 70))
)
stages <- lapply(designs, estimates)

lonely <- list()
for (rule in c("remove", "certainty", "adjust", "average")) {
  options(survey.lonely.psu = rule)
  lonely[[rule]] <- lapply(list(
    single = svydesign(~cluster, strata = ~apart, weights = ~design_weight, data = d),
    single_finite = svydesign(~cluster, strata = ~apart, weights = ~design_weight,
                              fpc = ~n_apart, data = d)
  ), estimates)
}
# One respondent of several on a street, one street of several in a cluster.
d$n_people <- on_street + 1
for (rule in c("remove", "certainty", "adjust")) {
  options(survey.lonely.psu = rule)
  lonely[[rule]]$single_below <- estimates(svydesign(
    ~cluster + street + person, strata = ~apart, fpc = ~n_apart + n_streets + n_people,
    weights = ~design_weight, data = d, nest = TRUE))
}

# Fitted to a margin: residuals in every stage, and all strata in the average.
fitted <- function(design) {
  margin <- data.frame(gender = c("female", "male"),
                       Freq = c(0.52, 0.48) * sum(d$design_weight))
  design <- postStratify(design, ~gender, margin)
  fit <- function(part) {
    mean <- svymean(~trust, part, na.rm = TRUE)
    list(estimate = unname(coef(mean)), covariance = unname(vcov(mean)))
  }
  list(mean = fit(design), first = fit(subset(design, psu == 1)))
}
options(survey.lonely.psu = "average")
calibrated <- list(
  two_stages = fitted(designs$two_stages),
  average = fitted(svydesign(~cluster, strata = ~apart, weights = ~design_weight, data = d)))

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  stages = stages, lonely = lonely, calibrated = calibrated
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "variance.json"))
